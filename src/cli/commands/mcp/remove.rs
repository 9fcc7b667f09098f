//! `portagent mcp remove NAME`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "mcp remove",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "remove a tool server",
    details: "Calls that run end with an error; conversations go on without its tools.",
    examples: &[("portagent mcp remove time", "it is taken out of mcp.json")],
    run,
};

fn run(given: &Given) -> Result<()> {
    given.data_or_new()?.tool_servers.remove(Actor::Operator, given.operand(0))?;
    if given.json { print_json(&json!({ "removed": given.operand(0) })) } else { print("removed\n") }
}
