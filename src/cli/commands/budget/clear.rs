//! `portagent budget clear [NAME]`.

use serde_json::json;

use super::owner;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::user::Actor;
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "budget clear",
    operands: &["[NAME]"],
    options: &[CommandOption { flag: "default", value: "", about: "that of all who have none of their own" }],
    json: true,
    quiet: true,
    about: "remove a budget: the default counts again, or none",
    details: "",
    examples: &[("portagent budget clear lin", "the default counts"), ("portagent budget clear --default", "no limit")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = owner(given, &data)?;
    let name = user.as_ref().map_or("default", |user| &user.username);
    if !data.usage.clear_budget(Actor::Operator, user.as_ref())? {
        return Err(Error::not_found("Budget").hint("`portagent budget list` shows all"));
    }
    if given.json { print_json(&json!({ "cleared": name })) } else { print(&format!("{}: cleared\n", one_line(name))) }
}
