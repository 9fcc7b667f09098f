//! `portagent help`, and `--help` everywhere.

use crate::cli::command::{Command, Given, usage};
use crate::cli::{commands, help, output};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "help",
    operands: &["[COMMAND…]"],
    options: &[],
    json: false,
    about: "explain everything, or one command",
    details: "",
    examples: &[("portagent help user add", "the same as `portagent user add --help`")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let topic = given.operands.join(" ");
    let text = match commands::find(&topic) {
        _ if topic.is_empty() => help::overview(),
        Some(command) => help::of_command(command),
        None if commands::is_group(&topic) => help::of_group(&topic),
        None => return Err(usage(format!("unknown command `{topic}`"), "`portagent help` lists the commands")),
    };
    output::print(&text)
}
