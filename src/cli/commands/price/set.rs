//! `portagent price set PROVIDER/MODEL`.

use serde_json::json;

use super::names;
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{print, print_json};
use crate::cli::since;
use crate::domain::clock::now_ms;
use crate::domain::price::Price;
use crate::domain::user::Actor;
use crate::domain::{Result, money};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "price set",
    operands: &["PROVIDER/MODEL"],
    options: &[
        CommandOption { flag: "input", value: "AMOUNT", about: "US dollars for a million tokens that go in" },
        CommandOption { flag: "output", value: "AMOUNT", about: "… that come out" },
        CommandOption { flag: "cache-read", value: "AMOUNT", about: "… that are read from the provider's cache" },
        CommandOption { flag: "cache-write", value: "AMOUNT", about: "… that are written to it" },
        CommandOption { flag: "above", value: "TOKENS", about: "only for prompts of more tokens than this" },
        CommandOption { flag: "from", value: "T", about: "valid from 2026-12-01 on (UTC); default: now" },
    ],
    json: true,
    quiet: true,
    about: "set what a model costs from a day on",
    details: "\
It takes the place of a shipped price. Requests that were made keep the cost that they had. A price with --above
joins the others of the model; one without it replaces all that are older.",
    examples: &[
        ("portagent price set openai/gpt-6-luna --input 0.40 --output 1.60", "from now on"),
        ("portagent price set openai/gpt-6-luna --input 0.80 --output 2.40 --above 100000", "for long prompts"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let (provider, model) = names(given)?;
    let amount = |flag: &str| {
        let parse = |text: &str| {
            money::parse(text).ok_or_else(|| usage(format!("--{flag} {text}: not an amount"), "such as 2 or 0.15"))
        };
        given.option(flag).map(parse).transpose()
    };
    let needed = |flag: &str| {
        amount(flag)?.ok_or_else(|| usage(format!("--{flag} is missing"), "--input and --output are needed"))
    };
    let above = given.option("above").map_or(Ok(0), |text| {
        text.parse().map_err(|_| usage(format!("--above {text}: not a number of tokens"), "such as 100000"))
    })?;
    let now = now_ms();
    let price = Price {
        provider: provider.to_owned(),
        model: model.to_owned(),
        valid_from: given.option("from").map_or(Ok(now), |text| since::moment(text, now))?,
        above,
        input: needed("input")?,
        output: needed("output")?,
        cache_read: amount("cache-read")?,
        cache_write: amount("cache-write")?,
    };
    given.data()?.usage.set_price(Actor::Operator, price)?;
    if given.json {
        return print_json(&json!({ "provider": provider, "model": model }));
    }
    print(&format!("{provider}/{model}: the price is set\n"))
}
