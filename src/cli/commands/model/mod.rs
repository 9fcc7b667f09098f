//! `portagent model …`: which models there are, and which of them people see.

pub(in crate::cli) mod allow;
pub(in crate::cli) mod context;
pub(in crate::cli) mod default;
pub(in crate::cli) mod list;

use serde_json::{Value, json};

use crate::cli::command::Given;
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::service::models::Policy;

/// What is set now.
fn show(given: &Given, policy: &Policy) -> Result<()> {
    if given.json {
        return print_json(&as_json(policy));
    }
    let default = policy.default.as_deref().unwrap_or("that of the first provider");
    let allowed = policy.allowed.as_ref().map_or_else(|| "all".to_owned(), |list| list.join(", "));
    let contexts = policy.contexts.iter().map(|(id, tokens)| format!("context: {id} {tokens}\n"));
    print(&format!("default: {default}\nallowed: {allowed}\n{}", contexts.collect::<String>()))
}

fn as_json(policy: &Policy) -> Value {
    json!({ "default": policy.default, "allowed": policy.allowed, "contexts": policy.contexts })
}
