//! `portagent config`: what counts, and where it came from.

use serde_json::{Value, json};

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::config::{Config, Effective, effective};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "config",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "show every setting, and where it comes from",
    details: "Secrets are not shown, only whether they are set. A bad value is reported as the server would.",
    examples: &[
        ("portagent config", "what a server started here would use"),
        ("portagent config -e /etc/portagent.env", "check an env file before a restart"),
        ("portagent config --json", "the same for a program"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    if given.json { print_json(&as_json(&config)) } else { print(&as_text(&config)) }
}

fn as_text(config: &Config) -> String {
    let rows: Vec<Vec<String>> = effective(config)
        .into_iter()
        .map(|one| vec![one.setting.name.to_owned(), one.value, one.source.to_string()])
        .collect();
    let mut text = table(&["SETTING", "VALUE", "FROM"], &rows);
    for warning in &config.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

fn as_json(config: &Config) -> Value {
    let files: Vec<String> = config.env_files().iter().map(|path| path.display().to_string()).collect();
    let settings: Vec<Value> = effective(config).iter().map(setting).collect();
    json!({ "settings": settings, "envFiles": files, "warnings": config.warnings })
}

fn setting(one: &Effective) -> Value {
    json!({
        "name": one.setting.name,
        "value": one.value,
        "from": one.source.to_string(),
        "secret": one.setting.secret,
        "meaning": one.setting.meaning,
    })
}
