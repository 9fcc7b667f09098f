//! `portagent model allow [MODEL…]`.

use crate::app::data::PolicyChange;
use crate::cli::command::{Command, CommandOption, Given};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "model allow",
    operands: &["[MODEL…]"],
    options: &[CommandOption { flag: "all", value: "", about: "people see all models again" }],
    json: true,
    quiet: true,
    about: "restrict which models people see",
    details: "\
MODEL is provider/model, or provider/* for all of a provider. Administrators see all in any case. Without MODEL: what is
set now.",
    examples: &[
        ("portagent model allow 'ollama/*' deepseek/deepseek-chat", "these and no others"),
        ("portagent model allow --all", "no restriction"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let models = given.data_or_new()?.models;
    let named = Some(given.operands.clone()).filter(|list| !list.is_empty() && !given.has("all"));
    let allowed = (named.is_some() || given.has("all")).then_some(named);
    let policy = models.set_policy(Actor::Operator, PolicyChange { allowed, ..PolicyChange::default() })?;
    super::show(given, &policy)
}
