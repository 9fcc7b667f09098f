//! `portagent mcp list`.

use serde_json::{Value, json};

use crate::app::data::ServerView;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "mcp list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list the tool servers",
    details: "What is declared. How a server is in the running service stands in the page; `mcp test` tries one here.",
    examples: &[("portagent mcp list", "a table")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let (servers, error) = given.data_or_new()?.tool_servers.list(Actor::Operator);
    if let Some(error) = error {
        return Err(crate::domain::Error::invalid("bad_mcp_json", error));
    }
    if given.json {
        return print_json(&Value::Array(servers.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = servers.iter().map(row).collect();
    print(&table(&["NAME", "STATE", "SCOPE", "APPROVAL", "WHERE"], &rows))
}

fn as_json(server: &ServerView) -> Value {
    json!({
        "name": server.name,
        "declaration": server.declared,
        "readOnly": server.is_fixed,
        "error": server.status.error,
    })
}

fn row(server: &ServerView) -> Vec<String> {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let Some(declared) = &server.declared else {
        let error = server.status.error.clone().unwrap_or_default();
        return vec![server.name.clone(), "broken".to_owned(), String::new(), String::new(), error];
    };
    let place = match (&declared.command, &declared.url) {
        (Some(command), _) => [std::slice::from_ref(command), &declared.args].concat().join(" "),
        (None, url) => url.clone().unwrap_or_default(),
    };
    vec![
        server.name.clone(),
        if declared.disabled { "off" } else { "declared" }.to_owned(),
        word(json!(declared.scope())),
        word(json!(declared.approval.unwrap_or_default())),
        place,
    ]
}
