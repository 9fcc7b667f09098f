//! `portagent backup verify FILE`.

use std::path::PathBuf;

use super::{PASSPHRASE, PASSPHRASE_FILE, as_json, as_text, passphrase};
use crate::app::backup::{self, Decryption};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print, print_json};
use crate::cli::progress::Line;
use crate::domain::Result;
use crate::telemetry;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "backup verify",
    operands: &["FILE"],
    options: &[
        CommandOption { flag: "identity", value: "FILE", about: "age identities that open an encrypted one" },
        PASSPHRASE_FILE,
        PASSPHRASE,
    ],
    json: true,
    quiet: true,
    about: "check an archive, or `latest`, from its first byte to its last",
    details: "Every checksum, and what SQLite says about both databases. FILE is a path, a name in BACKUP_DIR, or \
              `latest`. Exit code 1: it is not good.",
    examples: &[
        ("portagent backup verify latest", "the newest in BACKUP_DIR"),
        ("portagent backup verify /mnt/usb/portagent-20261124-020000.tar.gz", "one that is somewhere else"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    telemetry::init_command(None)?;
    let config = given.config()?;
    let unlock = unlock(given)?;
    let mut line = Line::new();
    let (file, report) = backup::verify(&config, given.operand(0), &unlock, &mut |progress| line.show(progress))?;
    line.end();
    if given.json {
        return print_json(&as_json(&file, &report));
    }
    let mut text = format!("{} is good\n{}", file.display(), as_text(&report));
    for warning in &report.warnings {
        text.push_str(&format!("warning: {}\n", one_line(warning)));
    }
    print(&text)
}

/// What opens an archive, from the options that `restore` has as well.
pub(in crate::cli) fn unlock(given: &Given) -> Result<Decryption> {
    match (passphrase(given, false)?, given.option("identity")) {
        (Some(_), Some(_)) => Err(usage("--identity and a passphrase exclude each other", "choose one")),
        (Some(passphrase), None) => Ok(Decryption::Passphrase(passphrase)),
        (None, Some(file)) => Ok(Decryption::Identity(PathBuf::from(file))),
        (None, None) => Ok(Decryption::None),
    }
}
