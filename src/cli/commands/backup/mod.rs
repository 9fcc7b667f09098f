//! `portagent backup …`: archives of everything, made while people chat.

pub(in crate::cli) mod list;
pub(in crate::cli) mod make;
pub(in crate::cli) mod verify;

use std::path::Path;

use serde_json::{Value, json};

use crate::app::backup::Report;
use crate::app::restore;
use crate::cli::command::{CommandOption, Given, usage};
use crate::cli::password;
use crate::domain::Result;
use crate::domain::secret::Secret;
use crate::telemetry::timestamp;

pub(in crate::cli) const PASSPHRASE_FILE: CommandOption =
    CommandOption { flag: "passphrase-file", value: "FILE", about: "the passphrase is the first line of this file" };
pub(in crate::cli) const PASSPHRASE: CommandOption =
    CommandOption { flag: "passphrase", value: "", about: "ask for the passphrase on the terminal" };

/// The passphrase, where one was asked for; a new one is typed twice.
fn passphrase(given: &Given, is_new: bool) -> Result<Option<Secret>> {
    match (given.option(PASSPHRASE_FILE.flag), given.has(PASSPHRASE.flag)) {
        (Some(_), true) => Err(usage("--passphrase and --passphrase-file exclude each other", "choose one")),
        (Some(file), false) => restore::passphrase(Path::new(file)).map(Some),
        (None, true) => password::typed_unseen("passphrase", is_new).map(|text| Some(Secret::new(text))),
        (None, false) => Ok(None),
    }
}

/// What an archive holds, for programs.
fn as_json(file: &Path, report: &Report) -> Value {
    let Report { manifest, archive_bytes, is_encrypted, files, file_bytes, links, warnings } = report;
    let databases: Vec<Value> = manifest
        .databases
        .iter()
        .map(|one| {
            json!({
                "file": one.file, "schema": one.schema, "bytes": one.bytes, "sha256": one.sha256, "rows": one.rows,
            })
        })
        .collect();
    json!({
        "file": file.to_string_lossy(),
        "bytes": archive_bytes,
        "encrypted": is_encrypted,
        "format": manifest.format,
        "version": manifest.version,
        "createdAt": manifest.created_at,
        "databases": databases,
        "files": {"count": files, "bytes": file_bytes, "links": links},
        "warnings": warnings,
        "verified": true,
    })
}

/// The same for people.
fn as_text(report: &Report) -> String {
    let manifest = &report.manifest;
    let mut text = format!(
        "  from      {}, portagent {}\n  holds     {} accounts, {} conversations, {} messages, {} files\n",
        timestamp::minute(manifest.created_at),
        manifest.version,
        manifest.rows("users"),
        manifest.rows("images"),
        manifest.rows("messages"),
        report.files,
    );
    for one in &manifest.databases {
        text.push_str(&format!("  {:12}  schema {}, {} bytes\n", one.file, one.schema, one.bytes));
    }
    text
}
