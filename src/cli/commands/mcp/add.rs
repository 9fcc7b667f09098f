//! `portagent mcp add NAME`.

use serde_json::{Map, Value, json};

use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "mcp add",
    operands: &["NAME", "[WORD…]"],
    options: &[
        CommandOption { flag: "url", value: "URL", about: "it is reached over HTTP, and no command is run" },
        CommandOption { flag: "sse", value: "", about: "… over the transport of 2024" },
        CommandOption { flag: "env", value: "NAME=VALUE", about: "in the command's environment; may be repeated" },
        CommandOption { flag: "header", value: "NAME=VALUE", about: "sent with each request; may be repeated" },
        CommandOption { flag: "scope", value: "SCOPE", about: "shared, or user: a process for each person; default: shared" },
        CommandOption { flag: "approval", value: "APPROVAL", about: "ask, or auto: people are not asked; default: ask" },
        CommandOption { flag: "timeout", value: "SECONDS", about: "the most that a call may take; default: 120" },
    ],
    json: true,
    quiet: true,
    about: "add a tool server",
    details: "\
The words behind -- are the command that is run, without a shell. It is written to mcp.json in the data directory, which a
running server reads again. ${NAME} in any value is taken from the server's environment, so that secrets can stay there.",
    examples: &[
        ("portagent mcp add time -- uvx mcp-server-time", "a program of this machine"),
        ("portagent mcp add files -- npx -y @modelcontextprotocol/server-filesystem /srv/docs", "a package"),
        ("portagent mcp add wiki --url https://wiki.example.com/mcp --header 'Authorization=Bearer ${WIKI_TOKEN}'", "over HTTP"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let mut declared = Map::new();
    if let Some(url) = given.option("url") {
        declared.insert("url".to_owned(), json!(url));
        declared.insert("type".to_owned(), json!(if given.has("sse") { "sse" } else { "http" }));
    }
    if let Some((command, args)) = given.operands.get(1..).and_then(<[String]>::split_first) {
        declared.insert("command".to_owned(), json!(command));
        declared.insert("args".to_owned(), json!(args));
    }
    for (option, key) in [("env", "env"), ("header", "headers")] {
        let pairs = pairs(given, option)?;
        if !pairs.is_empty() {
            declared.insert(key.to_owned(), Value::Object(pairs));
        }
    }
    for key in ["scope", "approval"] {
        declared.extend(given.option(key).map(|value| (key.to_owned(), json!(value))));
    }
    if let Some(text) = given.option("timeout") {
        let seconds: u64 =
            text.parse().map_err(|_| usage(format!("--timeout {text}: not a number"), "such as --timeout 300"))?;
        declared.insert("timeoutSeconds".to_owned(), json!(seconds));
    }
    let name = given.operand(0);
    given.data_or_new()?.tool_servers.add(Actor::Operator, name, &Value::Object(declared))?;
    if given.json {
        print_json(&json!({ "added": name }))
    } else {
        print(&format!("added; try it: portagent mcp test {name}\n"))
    }
}

fn pairs(given: &Given, option: &str) -> Result<Map<String, Value>> {
    let typed = given.options.iter().filter(|(flag, _)| *flag == option);
    typed
        .map(|(_, text)| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), json!(value))),
            _ => Err(usage(format!("--{option} {text}: not NAME=VALUE"), "write a name, an equals sign and a value")),
        })
        .collect()
}
