//! `portagent user demote NAME`.

use super::set_role;
use crate::cli::command::{Command, Given};
use crate::domain::Result;
use crate::domain::user::Role;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user demote",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "remove administrator rights",
    details: "The last active administrator cannot be demoted.",
    examples: &[("portagent user demote lin", "by username, e-mail or userId")],
    run,
};

fn run(given: &Given) -> Result<()> {
    set_role(given, Role::User, "is a user")
}
