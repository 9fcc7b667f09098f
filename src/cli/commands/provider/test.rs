//! `portagent provider test NAME`.

use super::{checked_as_json, checked_as_text};
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::finding::{Level, worst};
use crate::domain::user::Actor;
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "provider test",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: false,
    about: "ask a provider whether it answers and takes its key",
    details: "It asks for the list of models, which costs nothing. Exit 0 if nothing fails, else 1.",
    examples: &[("portagent provider test deepseek", "what is wrong with it, if anything")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let checked = given.data_or_new()?.providers.test(Actor::Operator, given.operand(0))?;
    if given.json {
        print_json(&checked_as_json(&checked))?
    } else {
        print(&checked_as_text(&checked))?
    }
    if worst(&checked.findings) == Level::Fail {
        return Err(Error::new(Kind::Unavailable, "provider_fails", "the provider cannot be used as it is"));
    }
    Ok(())
}
