//! `portagent model default [MODEL]`.

use crate::app::data::PolicyChange;
use crate::cli::command::{Command, CommandOption, Given};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "model default",
    operands: &["[MODEL]"],
    options: &[CommandOption { flag: "none", value: "", about: "that of the first provider again" }],
    json: true,
    quiet: false,
    about: "set the model of conversations that name none",
    details: "MODEL is provider/model. A running server uses it from the next question on. Without MODEL: what is set now.",
    examples: &[(
        "portagent model default deepseek/deepseek-chat",
        "for all conversations without a choice of their own",
    )],
    run,
};

fn run(given: &Given) -> Result<()> {
    let models = given.data_or_new()?.models;
    let named = Some(given.operand(0)).filter(|model| !model.is_empty()).map(str::to_owned);
    let default = (named.is_some() || given.has("none")).then_some(named);
    let policy = models.set_policy(Actor::Operator, PolicyChange { default, ..PolicyChange::default() })?;
    super::show(given, &policy)
}
