//! `portagent retention set DAYS`.

use super::report;
use crate::app::data::DAYS_MOST;
use crate::cli::command::{Command, Given, usage};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "retention set",
    operands: &["DAYS"],
    options: &[],
    json: true,
    quiet: true,
    about: "delete conversations after that many days without activity",
    details: "A conversation in which an answer is being written is never deleted. Takes effect immediately.",
    examples: &[("portagent retention set 365", "then `portagent retention run --dry-run` counts")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let typed = given.operand(0);
    let days: u32 = typed.parse().ok().filter(|days| (1..=DAYS_MOST).contains(days)).ok_or_else(|| {
        usage(
            format!("`{typed}` is not a number of days from 1 to {}", DAYS_MOST),
            "`portagent retention off` keeps all",
        )
    })?;
    given.data_or_new()?.set_keep_days(Some(days))?;
    report(given, Some(days))
}
