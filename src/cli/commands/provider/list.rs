//! `portagent provider list`.

use serde_json::{Value, json};

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::user::Actor;
use crate::service::models::Shown;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "provider list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list the providers of models",
    details: "\
The first one answers conversations that name no provider. `settings` is the one that LLM_PROVIDER and its neighbors set;
of a key, only the last four characters are shown.",
    examples: &[("portagent provider list", "a table")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let providers = given.data_or_new()?.providers.list(Actor::Operator)?;
    if given.json {
        return print_json(&Value::Array(providers.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = providers.iter().map(row).collect();
    print(&table(&["NAME", "KIND", "URL", "KEY", "DEFAULT MODEL", "SOURCE"], &rows))
}

fn row(shown: &Shown) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let key =
        shown.key_hint.clone().unwrap_or_else(|| if shown.is_ready { "-".to_owned() } else { "missing".to_owned() });
    vec![
        shown.name.clone(),
        shown.kind.to_owned(),
        or_dash(&shown.base_url),
        key,
        or_dash(&shown.default_model),
        source(shown).to_owned(),
    ]
}

fn source(shown: &Shown) -> &'static str {
    if shown.is_fixed { "settings" } else { "added" }
}

pub(super) fn as_json(shown: &Shown) -> Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": shown.name,
        "kind": shown.kind,
        "url": some(&shown.base_url),
        "key": shown.key_hint,
        "model": some(&shown.default_model),
        "source": source(shown),
        "isDefault": shown.is_default,
        "ready": shown.is_ready,
    })
}
