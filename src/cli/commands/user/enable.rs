//! `portagent user enable NAME`.

use super::set_active;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user enable",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "enable a disabled account",
    details: "",
    examples: &[("portagent user enable lin", "by username, e-mail or userId")],
    run,
};

fn run(given: &Given) -> Result<()> {
    set_active(given, true, "is active")
}
