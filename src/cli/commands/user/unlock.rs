//! `portagent user unlock [NAME]`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user unlock",
    operands: &["[NAME]"],
    options: &[],
    json: true,
    quiet: true,
    about: "lift the limit on failed logins",
    details: "Without a name, for all accounts.",
    examples: &[("portagent user unlock lin", "one account"), ("portagent user unlock", "all accounts")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let name = Some(given.operand(0)).filter(|name| !name.is_empty());
    let unlocked = given.data()?.users.unlock(Actor::Operator, name)?;
    if given.json {
        return print_json(&json!({ "unlocked": unlocked }));
    }
    print(&format!("{unlocked} unlocked\n"))
}
