//! `portagent retention run`.

use serde_json::json;

use crate::app::data::Forgotten;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{print, print_json};
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "retention run",
    operands: &[],
    options: &[CommandOption { flag: "dry-run", value: "", about: "only say what would go" }],
    json: true,
    about: "delete now what has grown old",
    details: "What the server does by itself once a day, where `retention set` was said.",
    examples: &[("portagent retention run --dry-run", "counts")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let Some(days) = data.keep_days()? else {
        return Err(
            Error::conflict("retention_off", "retention is off").hint("`portagent retention set DAYS` turns it on")
        );
    };
    let dry = given.has("dry-run");
    let Forgotten { conversations, messages } = if dry { data.would_forget(days)? } else { data.forget(days)? };
    if given.json {
        return print_json(&json!({
            "days": days, "deleted": !dry, "conversations": conversations, "messages": messages,
        }));
    }
    let what = if dry { "would be deleted" } else { "deleted" };
    print(&format!(
        "{what}: {conversations} conversations without activity for {days} days, with {messages} messages\n"
    ))
}
