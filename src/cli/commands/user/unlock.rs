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
    about: "let someone try again who mistyped the password too often",
    details: "Without a name, everybody.",
    examples: &[("portagent user unlock lin", "one account"), ("portagent user unlock", "everybody")],
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
