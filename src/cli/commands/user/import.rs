//! `portagent user import NAME FILE`.

use std::fs::File;

use serde_json::{Value, json};

use crate::app::data::ImportReport;
use crate::cli::command::{Command, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::user::Actor;
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user import",
    operands: &["NAME", "FILE"],
    options: &[],
    json: true,
    quiet: true,
    about: "import conversations into one account from a file",
    details: "FILE is a JSON or zip file exported from Portagent (the page's export), ChatGPT or Open WebUI. What is there \
              already is not imported again. STORAGE_PER_USER_MB counts: what fits is imported. It works beside a \
              running server.",
    examples: &[("portagent user import lin chatgpt-export.zip", "what was imported, and what was not")],
    run,
};

fn run(given: &Given) -> Result<()> {
    // Before the data directory's owner is who runs: the file is that of the person who types.
    let path = given.operand(1);
    let file = File::open(path).map_err(|cause| {
        Error::new(Kind::NotFound, "file_not_readable", format!("cannot read {}: {cause}", one_line(path)))
    })?;
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let report = data.import(&user, file)?;
    if given.json {
        print_json(&as_json(&report))?;
    } else {
        print(&format!("{}: {}", one_line(&user.username), sentences(&report)))?;
    }
    report.stopped.map_or(Ok(()), Err)
}

fn sentences(report: &ImportReport) -> String {
    let ImportReport { imported, messages, files, already_here, skipped, changed, .. } = report;
    let mut text = format!("{imported} conversations with {messages} messages and {files} files were imported\n");
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    };
    also(*already_here, "are there already");
    also(changed.as_text, "parts of an unknown kind are kept as text");
    also(changed.cut, "texts were too long and are cut");
    also(changed.files_missing, "files are not in what was given, their names are kept");
    also(*skipped, "were left out:");
    for skip in &report.skips {
        let name = if skip.name.is_empty() { "(without a name)" } else { &skip.name };
        text.push_str(&format!("  {}: {}\n", one_line(name), skip.reason.as_str()));
    }
    text
}

fn as_json(report: &ImportReport) -> Value {
    let skips = report.skips.iter().map(|skip| json!({"name": skip.name, "reason": skip.reason.as_str()}));
    json!({
        "origin": report.origin, "imported": report.imported, "messages": report.messages, "files": report.files,
        "alreadyHere": report.already_here, "skipped": report.skipped, "skips": skips.collect::<Vec<_>>(),
        "keptAsText": report.changed.as_text, "textsCut": report.changed.cut,
        "filesMissing": report.changed.files_missing,
        "stopped": report.stopped.as_ref().map(|error| json!({"error": error.message, "code": error.code.as_str()})),
    })
}
