//! `portagent user list`.

use serde_json::Value;

use super::as_json;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::user::{Actor, User};
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list all accounts",
    details: "",
    examples: &[
        ("portagent user list", "a table"),
        ("portagent user list --json | jq -r '.[].username'", "the names alone"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let users = given.data()?.users.list(Actor::Operator)?;
    if given.json {
        return print_json(&Value::Array(users.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = users.iter().map(row).collect();
    print(&table(&["USERNAME", "ROLE", "STATE", "E-MAIL", "CREATED", "USERID"], &rows))
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.username.clone(),
        user.role.as_str().to_owned(),
        if user.is_active { "active" } else { "disabled" }.to_owned(),
        user.email.clone().unwrap_or_else(|| "-".to_owned()),
        timestamp::minute(user.created_at),
        user.id.to_string(),
    ]
}
