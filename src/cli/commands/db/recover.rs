//! `portagent db recover`.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::db::{self, Recovered, Saved};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "db recover",
    operands: &["[FILE|agentx|portagent]"],
    options: &[CommandOption { flag: "out", value: "FILE", about: "where to, instead of a name beside the original" }],
    json: true,
    quiet: true,
    about: "save what can be saved of a damaged database into a new file",
    details: "The damaged file is only read, also where SQLite refuses to open it; the new one is checked, and the \
              commands that put it in its place are printed. Without a name, both databases of the data directory are \
              looked at. The server must be stopped. A backup that is good is better: `portagent restore FILE`.",
    examples: &[
        ("portagent db recover", "whichever is damaged"),
        ("portagent db recover portagent --out saved.db", "that one, into this file"),
        ("portagent db recover /mnt/old/agentx.db", "a file from anywhere"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    let out = given.option("out").map(Path::new);
    let named: Vec<&str> = match given.operand(0) {
        "" if out.is_some() => {
            return Err(usage("--out needs to know of which file", "`agentx`, `portagent` or a file"));
        }
        "" => vec!["agentx", "portagent"],
        name => vec![name],
    };
    let mut reports = Vec::new();
    for name in named {
        let recovered = db::recover(&config, name, out)?;
        if !given.json {
            print(&text(&recovered, &config.data_dir))?;
        }
        reports.push(as_json(&recovered));
    }
    if given.json { print_json(&Value::Array(reports)) } else { Ok(()) }
}

fn text(Recovered { original, report, file }: &Recovered, data_dir: &Path) -> String {
    let original = original.display();
    let Some(file) = file else {
        return format!("{original} is not damaged: nothing was written\n");
    };
    let mut text = match &report.damage {
        Some(damage) => format!("{original} is damaged: {damage}\n\n"),
        None => format!("{original} is not damaged; a copy of all rows was made, as asked\n\n"),
    };
    text.push_str(&rows(report));
    text.push_str(&format!(
        "\n{} holds what was saved, and was checked. To put it in place, with the server stopped:\n",
        file.display()
    ));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (format!("{original}{suffix}"), format!("{original}.damaged{suffix}"));
        let optional = if suffix.is_empty() { "" } else { "[ ! -e FROM ] || " };
        let guard = optional.replace("FROM", &quoted(&from));
        text.push_str(&format!("  {guard}mv {} {}\n", quoted(&from), quoted(&to)));
    }
    text.push_str(&format!("  cp -p {} {}\n", quoted(&file.display().to_string()), quoted(&original.to_string())));
    text.push_str(&format!("  portagent db check --data-dir {}\n", quoted(&data_dir.display().to_string())));
    text
}

fn rows(report: &Saved) -> String {
    let row = |table: &db::TableSaved| {
        let count = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        vec![table.name.clone(), table.rows.to_string(), count(table.strays), count(table.duplicates)]
    };
    let mut text =
        table(&["TABLE", "ROWS", "CUT OFF, FOUND AGAIN", "DOUBLE"], &report.tables.iter().map(row).collect::<Vec<_>>());
    for (count, what) in [
        (report.lost, "rows belong to nothing that is left: they are in the table lost_and_found"),
        (report.broken_rows, "rows could not be read"),
        (report.old, "rows on free pages, which had been deleted, were left out"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    for sentence in &report.mended {
        text.push_str(&format!("{sentence}\n"));
    }
    text
}

/// For a shell.
fn quoted(path: &str) -> String {
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    if is_plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn as_json(Recovered { original, report, file }: &Recovered) -> Value {
    let table = |table: &db::TableSaved| json!({ "name": table.name, "rows": table.rows, "strays": table.strays, "duplicates": table.duplicates });
    json!({
        "original": original.to_string_lossy(), "damage": report.damage,
        "file": file.as_ref().map(|file| file.to_string_lossy()),
        "tables": report.tables.iter().map(table).collect::<Vec<_>>(),
        "lost": report.lost, "deletedRowsLeftOut": report.old, "brokenPages": report.broken_pages,
        "brokenRows": report.broken_rows, "mended": report.mended,
    })
}
