//! `portagent user disable NAME`.

use super::set_active;
use crate::cli::command::{Command, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user disable",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "disable an account; its logins and open pages end immediately",
    details: "Nothing is deleted; `user enable` reverts it. The last active administrator cannot be disabled.",
    examples: &[("portagent user disable lin", "by username, e-mail or userId")],
    run,
};

fn run(given: &Given) -> Result<()> {
    set_active(given, false, "is disabled")
}
