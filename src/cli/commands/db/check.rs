//! `portagent db check`.

use serde_json::{Value, json};

use crate::app::db::{self, Mended, Report};
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::finding::{Finding, Level};
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "db check",
    operands: &[],
    options: &[
        CommandOption { flag: "quick", value: "", about: "leave out what reads every row" },
        CommandOption { flag: "fix", value: "", about: "remove orphaned data" },
    ],
    json: true,
    quiet: true,
    about: "check both databases and the files around them",
    details: "It works beside a running server, and changes nothing unless --fix is given. --fix removes the \
              conversations and files of accounts that are gone (a plain DELETE FROM users leaves them behind), rows that \
              no account owns and half-written files; nothing that has an owner is touched. Exit code 1: something is damaged.",
    examples: &[
        ("portagent db check", "everything"),
        ("portagent db check --fix", "and remove orphaned data"),
        ("portagent db check --quick --json", "for scripts"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    let report = db::check(&config, given.has("quick"))?;
    if !given.json {
        print(&lines(&report))?;
    }
    let mended = given.has("fix").then(|| db::mend(&config, &report)).transpose()?;
    if given.json {
        print_json(&as_json(&report, mended))?;
    } else if let Some(mended) = mended {
        print(&sentence(mended))?;
    }
    let failed: Vec<&Finding> = report.findings.iter().filter(|finding| finding.level == Level::Fail).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let error = |code, hint: &'static str| {
        Err(Error::new(Kind::Unavailable, code, format!("failed checks: {}", failed.len())).hint(hint))
    };
    match failed.iter().all(|finding| db::is_newer(finding)) {
        true => error("schema_too_new", "install the newer portagent again: nothing is damaged"),
        false => error("damaged", "stop the server, then `portagent db recover` or `portagent restore FILE`"),
    }
}

fn lines(report: &Report) -> String {
    let row = |finding: &Finding| {
        [status(finding.level), finding.place.unwrap_or_default(), finding.name, &finding.message]
            .map(str::to_owned)
            .to_vec()
    };
    table(&["", "WHERE", "CHECK", ""], &report.findings.iter().map(row).collect::<Vec<_>>())
}

/// The word for a pass is part of this command's interface.
fn status(level: Level) -> &'static str {
    if level == Level::Pass { "ok" } else { level.as_str() }
}

fn sentence(Mended { ownerless, abandoned_files }: Mended) -> String {
    format!(
        "removed: {} containers without an owner with {} conversations and {} messages, {} directories of files, {} orphaned \
         rows, {abandoned_files} half-written files\n",
        ownerless.containers, ownerless.conversations, ownerless.messages, ownerless.directories, ownerless.dangling
    )
}

fn as_json(report: &Report, mended: Option<Mended>) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "place": finding.place, "name": finding.name, "status": status(finding.level),
            "count": finding.count.unwrap_or_default(), "message": finding.message,
        })
    };
    let removed = mended.map(|Mended { ownerless, abandoned_files }| {
        json!({
            "containers": ownerless.containers, "conversations": ownerless.conversations,
            "messages": ownerless.messages, "directories": ownerless.directories, "rows": ownerless.dangling,
            "files": abandoned_files,
        })
    });
    json!({
        "status": status(report.worst()),
        "checks": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "removed": removed,
    })
}
