//! `portagent retention off`.

use super::report;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "retention off",
    operands: &[],
    options: &[],
    json: true,
    quiet: true,
    about: "keep conversations forever",
    details: "",
    examples: &[("portagent retention off", "no conversation is deleted by age")],
    run,
};

fn run(given: &Given) -> Result<()> {
    given.data()?.set_keep_days(None)?;
    report(given, None)
}
