//! `portagent retention show`.

use super::report;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "retention show",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "how long inactive conversations are kept",
    details: "",
    examples: &[("portagent retention show", "off, or a number of days")],
    run,
};

fn run(given: &Given) -> Result<()> {
    report(given, given.data()?.keep_days()?)
}
