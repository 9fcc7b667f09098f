//! `portagent db vacuum`.

use super::change;
use crate::app::db;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "db vacuum",
    operands: &["[agentx|portagent]"],
    options: &[],
    json: true,
    quiet: true,
    about: "rebuild the databases without gaps",
    details: "Seldom needed: a running server frees the space of deleted rows automatically. Beside a running server \
              it waits for writers, and writers wait for it. It needs twice the size of the database as \
              free space and says so before it begins.",
    examples: &[("portagent db vacuum", "both"), ("portagent db vacuum agentx", "only the conversations")],
    run,
};

fn run(given: &Given) -> Result<()> {
    change(given, db::vacuum)
}
