//! `portagent user delete NAME`.

use serde_json::json;

use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{confirm, one_line, print, print_json};
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user delete",
    operands: &["NAME"],
    options: &[CommandOption { flag: "yes", value: "", about: "do not ask" }],
    json: true,
    about: "delete an account with all its conversations",
    details: "It asks on a terminal; a script says --yes. `user disable` keeps everything and is often enough.",
    examples: &[("portagent user delete lin", "asks first"), ("portagent user delete lin --yes", "for scripts")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let services = given.services()?;
    let user = services.accounts.admin_find(given.operand(0))?;
    let name = one_line(&user.username);
    let question = format!("Delete {name} ({}) with all conversations and messages? This cannot be undone.", user.id);
    if !given.has("yes") && !confirm(&question)? {
        return Err(Error::conflict("cancelled", "nothing was deleted"));
    }
    let deleted = services.accounts.admin_delete(&user)?;
    let (conversations, messages) = (deleted.conversations, deleted.messages);
    if given.json {
        return print_json(&json!({
            "userId": user.id.as_str(), "username": user.username, "conversations": conversations, "messages": messages,
        }));
    }
    print(&format!("{name} was deleted, with {conversations} conversations and {messages} messages\n"))
}
