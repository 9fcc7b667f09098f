//! `portagent user delete NAME`.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::data::{Belongings, Usage};
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{confirm, one_line, print, print_json};
use crate::domain::bytes::human;
use crate::domain::user::{Actor, User};
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user delete",
    operands: &["NAME"],
    options: &[
        CommandOption { flag: "yes", value: "", about: "do not ask" },
        CommandOption { flag: "dry-run", value: "", about: "only show what would be deleted" },
        CommandOption { flag: "export", value: "FILE", about: "write it all into this file first" },
    ],
    json: true,
    quiet: true,
    about: "delete an account with all its conversations and files",
    details: "It asks on a terminal; a script says --yes. Invite codes that they made stay, without their name. \
              `user disable` keeps everything and is often enough.",
    examples: &[
        ("portagent user delete lin --dry-run", "what would be deleted"),
        ("portagent user delete lin --export lin.tar.gz", "keeps a copy, and asks first"),
        ("portagent user delete lin --yes", "for scripts"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let (rows, files) = data.belongings(&user)?;
    let all = (&rows, files);
    let name = one_line(&user.username);
    if given.has("dry-run") {
        return report(given, &user, all, None, &format!("nothing was deleted; of {name} there are"));
    }
    let question = format!("Delete {name} ({}) with {}? This cannot be undone.", user.id, sentence(all));
    if !given.has("yes") && !confirm(&question)? {
        return Err(Error::conflict("cancelled", "nothing was deleted"));
    }
    let exported = given.option("export").map(|file| data.export(&user, Some(Path::new(file)))).transpose()?;
    let deleted = data.users.delete(Actor::Operator, &user)?;
    // What came between the count and the deletion went as well.
    let rows = Belongings { conversations: deleted.conversations, messages: deleted.messages, ..rows };
    let file = exported.as_ref().map(|exported| exported.path.as_path());
    report(given, &user, (&rows, files), file, &format!("{name} was deleted, with"))
}

fn report(given: &Given, user: &User, all: (&Belongings, Usage), file: Option<&Path>, what: &str) -> Result<()> {
    if given.json {
        return print_json(&as_json(user, all, file, given.has("dry-run")));
    }
    let kept = file.map_or(String::new(), |file| format!("a copy is in {}\n", file.display()));
    print(&format!("{what} {}\n{kept}", sentence(all)))
}

fn sentence((rows, files): (&Belongings, Usage)) -> String {
    format!(
        "{} conversations, {} messages ({}), {} turns, {} files ({}), {} logins",
        rows.conversations,
        rows.messages,
        human(rows.message_bytes),
        rows.turns,
        files.files,
        human(files.bytes),
        rows.logins
    )
}

fn as_json(user: &User, (rows, files): (&Belongings, Usage), file: Option<&Path>, dry_run: bool) -> Value {
    json!({
        "userId": user.id.as_str(), "username": user.username, "deleted": !dry_run,
        "conversations": rows.conversations, "messages": rows.messages, "messageBytes": rows.message_bytes,
        "turns": rows.turns, "files": files.files, "fileBytes": files.bytes, "logins": rows.logins,
        "invites": rows.invites, "exportedTo": file.map(|file| file.to_string_lossy()),
    })
}
