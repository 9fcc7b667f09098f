//! `portagent invite list`.

use serde_json::Value;

use super::as_json;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::user::Actor;
use crate::service::invites::Invite;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "invite list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list the invite codes",
    details: "",
    examples: &[("portagent invite list", "a table")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let invites = given.data()?.invites.list(Actor::Operator)?;
    if given.json {
        return print_json(&Value::Array(invites.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = invites.iter().map(row).collect();
    print(&table(&["CODE", "USES LEFT", "EXPIRES", "CREATED", "NOTE"], &rows))
}

fn row(invite: &Invite) -> Vec<String> {
    vec![
        invite.code.clone(),
        invite.uses_left.to_string(),
        timestamp::minute(invite.expires_at),
        timestamp::minute(invite.created_at),
        invite.note.clone().unwrap_or_default(),
    ]
}
