//! `portagent invite revoke CODE`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "invite revoke",
    operands: &["CODE"],
    options: &[],
    json: true,
    quiet: true,
    about: "revoke an invite code",
    details: "",
    examples: &[("portagent invite revoke k7m2p9", "it can no longer be used")],
    run,
};

fn run(given: &Given) -> Result<()> {
    given.data()?.invites.revoke(Actor::Operator, given.operand(0))?;
    if given.json { print_json(&json!({ "revoked": given.operand(0) })) } else { print("revoked\n") }
}
