//! `portagent db optimize`.

use super::change;
use crate::app::db;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "db optimize",
    operands: &["[agentx|portagent]"],
    options: &[],
    json: true,
    quiet: true,
    about: "renew SQLite's statistics and empty the write-ahead logs",
    details: "A running server does this once a day.",
    examples: &[("portagent db optimize", "both")],
    run,
};

fn run(given: &Given) -> Result<()> {
    change(given, db::optimize)
}
