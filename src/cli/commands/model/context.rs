//! `portagent model context MODEL [TOKENS]`.

use crate::app::data::PolicyChange;
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::domain::user::Actor;
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "model context",
    operands: &["MODEL", "[TOKENS]"],
    options: &[CommandOption { flag: "none", value: "", about: "as its server decides, and as conversations grow" }],
    json: true,
    quiet: false,
    about: "set how large a context an Ollama model is loaded with",
    details: "\
MODEL is provider/model. A running server uses it from the next question on; another size makes Ollama load the model
anew. Without TOKENS: what is set now.",
    examples: &[
        ("portagent model context ollama/qwen3:8b 32768", "long conversations, more memory"),
        ("portagent model context ollama/qwen3:8b --none", "as before"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let parse = |text: &str| -> Result<u64, Error> {
        text.parse().map_err(|_| usage(format!("{text}: not a number of tokens"), "such as 32768"))
    };
    let tokens = Some(given.operand(1)).filter(|text| !text.is_empty()).map(parse).transpose()?;
    let is_changed = tokens.is_some() || given.has("none");
    let models = given.data_or_new()?.models;
    let context = is_changed.then(|| (given.operand(0).to_owned(), tokens));
    let policy = models.set_policy(Actor::Operator, PolicyChange { context, ..PolicyChange::default() })?;
    super::show(given, &policy)
}
