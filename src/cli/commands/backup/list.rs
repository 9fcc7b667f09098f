//! `portagent backup list`.

use serde_json::{Value, json};

use crate::app::backup::{self, Listed};
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::bytes::human;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "backup list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list the archives in BACKUP_DIR, newest first",
    details: "By their names alone; `portagent backup verify` looks inside.",
    examples: &[("portagent backup list", "a table"), ("portagent backup list --json | jq -r .[0].file", "the newest")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    let archives = backup::list(&config)?;
    if given.json {
        return print_json(&Value::Array(archives.iter().map(as_json).collect()));
    }
    if archives.is_empty() {
        return print(&format!("no backups in {}\n", config.backup.directory.display()));
    }
    print(&table(&["MADE", "SIZE", "FILE"], &archives.iter().map(row).collect::<Vec<_>>()))
}

fn row(archive: &Listed) -> Vec<String> {
    vec![timestamp::minute(archive.made_at), human(archive.bytes), archive.path.display().to_string()]
}

fn as_json(archive: &Listed) -> Value {
    json!({
        "file": archive.path.to_string_lossy(),
        "bytes": archive.bytes,
        "createdAt": archive.made_at,
        "encrypted": archive.is_encrypted,
    })
}
