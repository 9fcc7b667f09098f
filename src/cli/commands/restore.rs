//! `portagent restore FILE`, and `portagent restore --undo`.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::backup::verify::unlock;
use super::backup::{PASSPHRASE, PASSPHRASE_FILE};
use crate::app::backup::find;
use crate::app::restore::{self, Restored};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{confirm, one_line, print, print_json};
use crate::config::Config;
use crate::domain::{Error, Result};
use crate::telemetry;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "restore",
    operands: &["[FILE]"],
    options: &[
        CommandOption { flag: "yes", value: "", about: "do not ask" },
        CommandOption { flag: "undo", value: "", about: "go back to what the last restore replaced" },
        CommandOption { flag: "identity", value: "FILE", about: "age identities that open an encrypted backup" },
        PASSPHRASE_FILE,
        PASSPHRASE,
    ],
    json: true,
    quiet: true,
    about: "put a backup in the place of the data, after checking all of it",
    details: "FILE is a path, a name in BACKUP_DIR, or `latest`. The server has to be stopped. Nothing is changed before the whole backup was checked; then everything \
              changes at once, also if the power fails meanwhile. The previous data stays in replaced/, and \
              --undo swaps the two. It asks on a terminal; a script says --yes. Settings and tool servers of the \
              backup are put beside the data as restored-settings.env and restored-mcp.json and not applied \
              automatically.",
    examples: &[
        ("portagent restore latest", "the newest in BACKUP_DIR; asks first"),
        ("portagent restore FILE --yes -d /var/lib/portagent", "into an empty directory: the same service elsewhere"),
        ("portagent restore --undo", "the data as it was before"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    telemetry::init_command(None)?;
    let config = given.config()?;
    match (given.has("undo"), given.operand(0)) {
        (true, "") => undo(given, &config),
        (true, _) => Err(usage("--undo needs no file", "portagent restore --undo")),
        (false, "") => {
            Err(usage("restore needs the file of a backup", "`portagent backup list` shows those there are"))
        }
        (false, which) => restore(given, &config, &find(&config, which)?),
    }
}

fn restore(given: &Given, config: &Config, file: &Path) -> Result<()> {
    let unlock = unlock(given)?;
    let place = config.data_dir.display();
    let question = format!("Replace the data in {place} by {}? The present data is kept.", file.display());
    agreed(given, &question)?;
    let is_quiet = given.json;
    let tell = |step: &'static str| {
        if !is_quiet {
            let _ = writeln!(std::io::stderr(), "{step}"); // stderr may have no reader
        }
    };
    let restored = restore::restore(config, file, &unlock, tell)?;
    if given.json { print_json(&as_json(&restored)) } else { print(&sentences(&restored)) }
}

fn undo(given: &Given, config: &Config) -> Result<()> {
    agreed(given, &format!("Put back the data that the last restore in {} replaced?", config.data_dir.display()))?;
    let replaced = restore::undo(config)?;
    if given.json {
        return print_json(&json!({"undone": true, "replaced": replaced.as_deref().map(shown)}));
    }
    let kept =
        replaced.map(|place| format!("; what it had put there is kept in {}", shown(&place))).unwrap_or_default();
    print(&format!("the last restore is undone{kept}. `portagent restore --undo` swaps them again\n"))
}

fn agreed(given: &Given, question: &str) -> Result<()> {
    if given.has("yes") || confirm(&one_line(question))? {
        return Ok(());
    }
    Err(Error::conflict("cancelled", "nothing was changed"))
}

fn sentences(restored: &Restored) -> String {
    let manifest = &restored.manifest;
    let mut text = format!(
        "restored: {} users, {} conversations, {} messages, {} files, as they were at {} (portagent {})\n",
        manifest.rows("users"),
        manifest.rows("images"),
        manifest.rows("messages"),
        restored.files,
        timestamp::minute(manifest.created_at),
        manifest.version,
    );
    for database in &manifest.databases {
        text.push_str(&format!("{} is at schema {}\n", database.file, database.schema));
    }
    if let Some(settings) = &restored.settings {
        text.push_str(&format!(
            "the settings of that time are in {}; look at them, they are not used\n",
            shown(settings)
        ));
    }
    if let Some(servers) = &restored.servers {
        let used = servers.with_file_name("mcp.json");
        text.push_str(&format!(
            "its tool servers are in {}; look at them, they are commands, and use them with: mv {} {}\n",
            shown(servers),
            shown(servers),
            shown(&used)
        ));
    }
    for warning in &restored.warnings {
        text.push_str(&format!("warning: {}\n", one_line(warning)));
    }
    match &restored.replaced {
        Some(place) => text.push_str(&format!(
            "the data that was there before is in {}; `portagent restore --undo` goes back to it\n",
            shown(place)
        )),
        None => text.push_str("nothing was there before\n"),
    }
    text
}

fn as_json(restored: &Restored) -> serde_json::Value {
    let manifest = &restored.manifest;
    let schemas: serde_json::Map<_, _> =
        manifest.databases.iter().map(|database| (database.file.clone(), database.schema.into())).collect();
    json!({
        "users": manifest.rows("users"),
        "conversations": manifest.rows("images"),
        "messages": manifest.rows("messages"),
        "files": restored.files,
        "createdAt": manifest.created_at,
        "version": manifest.version,
        "schemas": schemas,
        "settings": restored.settings.as_deref().map(shown),
        "toolServers": restored.servers.as_deref().map(shown),
        "replaced": restored.replaced.as_deref().map(shown),
        "warnings": restored.warnings,
    })
}

fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}
