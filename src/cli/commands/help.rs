//! `portagent help`, and `--help` everywhere.

use crate::cli::command::{Command, Given, usage};
use crate::cli::{help, output};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "help",
    operands: &["[COMMAND…]"],
    options: &[],
    json: false,
    quiet: false,
    about: "explain everything, or one command",
    details: "",
    examples: &[("portagent help user add", "the same as `portagent user add --help`")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let topic = given.operands.join(" ");
    let text = match given.table.find(&topic) {
        _ if topic.is_empty() => help::overview(given.table),
        Some(command) => help::of_command(given.table, command),
        None if given.table.is_group(&topic) => help::of_group(given.table, &topic),
        None => return Err(usage(format!("unknown command `{topic}`"), "`portagent help` lists the commands")),
    };
    output::print(&text)
}
