//! `portagent price …`: what models cost.

pub(in crate::cli) mod clear;
pub(in crate::cli) mod list;
pub(in crate::cli) mod set;

use crate::cli::command::{Given, usage};
use crate::domain::Result;

/// PROVIDER/MODEL; a model's name may have slashes.
fn names(given: &Given) -> Result<(&str, &str)> {
    let typed = given.operand(0);
    typed
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        .ok_or_else(|| usage(format!("`{typed}` is not PROVIDER/MODEL"), "such as anthropic/claude-sonnet-5-5"))
}
