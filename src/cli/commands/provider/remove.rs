//! `portagent provider remove NAME`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "provider remove",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "remove a provider of models",
    details: "Answers that it is writing go on to their end; its conversations then say that the model is gone.",
    examples: &[("portagent provider remove deepseek", "its key is deleted, too")],
    run,
};

fn run(given: &Given) -> Result<()> {
    given.data()?.providers.remove(Actor::Operator, given.operand(0))?;
    if given.json { print_json(&json!({ "removed": given.operand(0) })) } else { print("removed\n") }
}
