//! `portagent db stats`.

use serde_json::{Value, json};

use super::named;
use crate::app::db::{self, Stats};
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::bytes::human;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "db stats",
    operands: &["[agentx|portagent]"],
    options: &[],
    json: true,
    quiet: false,
    about: "how large the databases are, and of what",
    details: "",
    examples: &[("portagent db stats", "both"), ("portagent db stats --json", "for scripts, in bytes")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    let stats = named(given)?.into_iter().map(|which| db::stats(&config, which)).collect::<Result<Vec<_>>>()?;
    let (backup, integrity) = (db::last_ok(&config, "backup"), db::last_ok(&config, "integrity"));
    if given.json {
        return print_json(&json!({
            "databases": stats.iter().map(as_json).collect::<Vec<_>>(),
            "lastBackupAt": backup, "lastIntegrityCheckAt": integrity,
        }));
    }
    for one in &stats {
        print(&text(one))?;
    }
    print(&said(backup, integrity))
}

fn said(backup: Option<i64>, integrity: Option<i64>) -> String {
    let at = |at: Option<i64>| at.map_or_else(|| "none yet".to_owned(), timestamp::minute);
    format!("last good backup: {}\nlast good integrity check: {}\n", at(backup), at(integrity))
}

fn text(stats: &Stats) -> String {
    let give = if stats.gives_back { "given back piece by piece" } else { "given back by `db vacuum` only" };
    let rows: Vec<Vec<String>> =
        stats.tables.iter().map(|table| vec![table.name.clone(), table.rows.to_string(), human(table.bytes)]).collect();
    format!(
        "{}: {}, log {}, free {} ({give})\nschema {}, pages of {} bytes, journal {}\n{}\n",
        stats.file,
        human(stats.bytes),
        human(stats.wal_bytes),
        human(stats.free_bytes),
        stats.schema,
        stats.page_bytes,
        stats.journal_mode,
        table(&["TABLE", "ROWS", "WITH INDEXES"], &rows)
    )
}

fn as_json(stats: &Stats) -> Value {
    let table = |table: &db::TableStats| json!({ "name": table.name, "rows": table.rows, "bytes": table.bytes });
    json!({
        "file": stats.file, "bytes": stats.bytes, "walBytes": stats.wal_bytes, "freeBytes": stats.free_bytes,
        "pageBytes": stats.page_bytes, "schema": stats.schema, "journalMode": stats.journal_mode,
        "givesBack": stats.gives_back, "tables": stats.tables.iter().map(table).collect::<Vec<_>>(),
    })
}
