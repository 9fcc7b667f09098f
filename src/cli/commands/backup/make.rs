//! `portagent backup`.

use serde_json::json;

use super::{PASSPHRASE, PASSPHRASE_FILE, as_json, as_text, passphrase};
use crate::app::backup::{self, Encryption};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{is_quiet, one_line, print, print_json, warn};
use crate::cli::progress::Line;
use crate::domain::bytes::human;
use crate::domain::{Error, Result};
use crate::telemetry;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "backup",
    operands: &[],
    options: &[
        CommandOption { flag: "out", value: "DIR", about: "where to, instead of BACKUP_DIR" },
        CommandOption {
            flag: "encrypt-to",
            value: "AGE1…",
            about: "encrypt it for this recipient of age; several times",
        },
        PASSPHRASE_FILE,
        PASSPHRASE,
    ],
    json: true,
    quiet: true,
    about: "back everything up into one verified archive",
    details: "It works beside a running server without making chats wait. The archive is a .tar.gz with both \
              databases, the agents' files, the key that signs tokens and the settings; only its owner can read it, and \
              it is opened and checked before it gets its name. Without --out, archives in BACKUP_DIR that are older \
              than BACKUP_RETENTION_DAYS are removed afterwards.",
    examples: &[
        ("portagent backup", "into BACKUP_DIR, like the scheduled ones"),
        ("portagent backup --out /mnt/usb", "somewhere else"),
        ("portagent backup --encrypt-to age1…", "opened by the identity; `age -d` opens it, too"),
        ("portagent backup --quiet", "for cron, which mails what a command says"),
        ("portagent backup --json | jq -r .file", "the archive's name alone"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    telemetry::init_command(None)?;
    let config = given.config()?;
    let into = given.option("out").map(std::path::absolute).transpose().map_err(Error::internal)?;
    let lock = lock(given)?;
    let mut line = Line::new();
    let done = backup::make(&config, into.as_deref(), lock, &mut |progress| line.show(progress))?;
    line.end();
    let (made, report) = (&done.made, &done.made.report);
    if given.json {
        let mut value = as_json(&made.path, report);
        value["removed"] = json!(done.removed.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>());
        return print_json(&value);
    }
    if is_quiet() {
        report.warnings.iter().for_each(|warning| warn(warning));
        return Ok(());
    }
    let mut text = format!("{} ({}), verified\n", made.path.display(), human(report.archive_bytes));
    text.push_str(&as_text(report));
    for warning in &report.warnings {
        text.push_str(&format!("warning: {}\n", one_line(warning)));
    }
    if !done.removed.is_empty() {
        text.push_str(&format!("{} older backups were removed\n", done.removed.len()));
    }
    print(&text)
}

/// `None`: as BACKUP_RECIPIENT says.
fn lock(given: &Given) -> Result<Option<Encryption>> {
    let recipients = given.options.iter().filter(|(flag, _)| *flag == "encrypt-to").map(|(_, value)| value.clone());
    let recipients: Vec<String> = recipients.collect();
    match (passphrase(given, true)?, recipients.is_empty()) {
        (Some(_), false) => {
            Err(usage("a backup is encrypted for recipients or with a passphrase, not both", "choose one"))
        }
        (Some(passphrase), true) => Ok(Some(Encryption::Passphrase(passphrase))),
        (None, false) => Ok(Some(Encryption::Recipients(recipients))),
        (None, true) => Ok(None),
    }
}
