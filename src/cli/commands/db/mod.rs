//! `portagent db …`: the databases themselves.

pub(in crate::cli) mod check;
pub(in crate::cli) mod optimize;
pub(in crate::cli) mod recover;
pub(in crate::cli) mod stats;
pub(in crate::cli) mod vacuum;

use serde_json::{Value, json};

use crate::app::db::{Change, Which};
use crate::cli::command::{Given, usage};
use crate::cli::output::{print, print_json};
use crate::config::Config;
use crate::domain::Result;
use crate::domain::bytes::human;

/// The databases that were named: one, or both.
fn named(given: &Given) -> Result<Vec<Which>> {
    match (given.operand(0), Which::from_name(given.operand(0))) {
        ("", _) => Ok(Which::BOTH.to_vec()),
        (_, Some(which)) => Ok(vec![which]),
        (name, None) => Err(usage(format!("there is no database `{name}`"), "there are `agentx` and `portagent`")),
    }
}

/// Does it to each that was named, and says how large it was and is.
fn change(given: &Given, work: impl Fn(&Config, Which) -> Result<Change>) -> Result<()> {
    let config = given.config()?;
    let mut changes = Vec::new();
    for which in named(given)? {
        let Change { before, after, .. } = work(&config, which)?;
        if !given.json {
            print(&format!("{}: {} before, {} now\n", which.file(), human(before), human(after)))?;
        }
        changes.push(json!({ "file": which.file(), "bytesBefore": before, "bytesAfter": after }));
    }
    if given.json { print_json(&Value::Array(changes)) } else { Ok(()) }
}
