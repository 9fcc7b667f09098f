//! `portagent user export NAME`.

use std::path::Path;

use serde_json::json;

use crate::app::data::Exported;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user export",
    operands: &["NAME"],
    options: &[CommandOption {
        flag: "out",
        value: "FILE",
        about: "where to, instead of a name made from the account's",
    }],
    json: true,
    quiet: true,
    about: "export all data of one account into a file",
    details: "A .tar.gz that only its owner can read: user.json (without the password), a JSON file for each \
              conversation, the files of their agents, and SHA256SUMS. It works beside a running server.",
    examples: &[("portagent user export lin --out lin.tar.gz", "then `tar -xzf lin.tar.gz`")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let exported = data.export(&user, given.option("out").map(Path::new))?;
    let Exported { path, conversations, messages, files } = &exported;
    if given.json {
        return print_json(&json!({
            "userId": user.id.as_str(), "username": user.username, "file": path.to_string_lossy(),
            "conversations": conversations, "messages": messages, "files": files.files,
        }));
    }
    let name = one_line(&user.username);
    let files = files.files;
    print(&format!(
        "{name}: {conversations} conversations, {messages} messages and {files} files are in {}\n",
        path.display()
    ))
}
