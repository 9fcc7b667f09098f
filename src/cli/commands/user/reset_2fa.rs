//! `portagent user 2fa reset NAME`.

use super::report;
use crate::cli::command::{Command, Given};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user 2fa reset",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "turn off the two-step log-in of an account",
    details: "For people who lost their phone and their recovery codes. The password stays; make sure who is asking.",
    examples: &[("portagent user 2fa reset lin", "by username, e-mail or userId")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let was_on = data.users.reset_second_step(Actor::Operator, &user)?;
    report(given, &user, if was_on { "logs in with the password alone now" } else { "has no two-step log-in" })
}
