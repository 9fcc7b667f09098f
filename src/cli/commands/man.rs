//! `portagent man`.

use crate::cli::command::{Command, Given};
use crate::cli::man;
use crate::cli::output::print;
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "man",
    operands: &[],
    options: &[],
    json: false,
    quiet: false,
    about: "print the manual page",
    details: "The Debian package brings it along, as portagent(1).",
    examples: &[("portagent man | man -l -", "read it")],
    run,
};

fn run(given: &Given) -> Result<()> {
    print(&man::page(given.table))
}
