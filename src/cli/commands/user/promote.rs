//! `portagent user promote NAME`.

use super::set_role;
use crate::cli::command::{Command, Given};
use crate::domain::Result;
use crate::domain::user::Role;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user promote",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "grant administrator rights",
    details: "",
    examples: &[("portagent user promote lin", "by username, e-mail or userId")],
    run,
};

fn run(given: &Given) -> Result<()> {
    set_role(given, Role::Admin, "is an administrator")
}
