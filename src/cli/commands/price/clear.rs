//! `portagent price clear PROVIDER/MODEL`.

use serde_json::json;

use super::names;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "price clear",
    operands: &["PROVIDER/MODEL"],
    options: &[],
    json: true,
    quiet: true,
    about: "forget the prices that were set for a model",
    details: "A shipped price, where there is one, counts again.",
    examples: &[("portagent price clear openai/gpt-6-luna", "its cost is not known any more")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let (provider, model) = names(given)?;
    given.data()?.usage.clear_prices(Actor::Operator, provider, model)?;
    if given.json {
        return print_json(&json!({ "provider": provider, "model": model }));
    }
    print(&format!("{provider}/{model}: cleared\n"))
}
