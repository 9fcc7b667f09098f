//! `portagent retention run`.

use serde_json::json;

use crate::app::data::Forgotten;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{print, print_json};
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "retention run",
    operands: &[],
    options: &[
        CommandOption { flag: "dry-run", value: "", about: "only show what would be deleted" },
        CommandOption { flag: "confirm-clock", value: "", about: "the clock is right, far ahead as it is" },
    ],
    json: true,
    quiet: true,
    about: "delete expired conversations now",
    details: "The server does the same once a day, where `retention set` is in effect. While the clock is 60 days ahead of \
              everything that was stored, neither conversations nor backups are deleted by their age until it is confirmed.",
    examples: &[("portagent retention run --dry-run", "counts")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    if given.has("confirm-clock") {
        data.confirm_clock()?;
    }
    let Some(days) = data.keep_days()? else {
        return Err(
            Error::conflict("retention_off", "retention is off").hint("`portagent retention set DAYS` turns it on")
        );
    };
    let dry = given.has("dry-run");
    if !dry && !data.may_delete_by_age()? {
        return Err(Error::conflict("clock_unconfirmed", "the clock is far ahead of everything that was stored")
            .hint("check the time of this machine; `portagent retention run --confirm-clock` says that it is right"));
    }
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
