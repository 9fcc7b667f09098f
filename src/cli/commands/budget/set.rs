//! `portagent budget set [NAME]`.

use serde_json::json;

use super::{owner, sentence};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::budget::{Budget, Measure, Period};
use crate::domain::user::Actor;
use crate::domain::{Result, money};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "budget set",
    operands: &["[NAME]"],
    options: &[
        CommandOption { flag: "money", value: "AMOUNT", about: "in US dollars, such as 5 or 0.50" },
        CommandOption { flag: "tokens", value: "NUMBER", about: "tokens in and out, cached or not" },
        CommandOption { flag: "unlimited", value: "", about: "no limit, whatever the default is" },
        CommandOption { flag: "per", value: "PERIOD", about: "day or month, UTC; default: month" },
        CommandOption { flag: "default", value: "", about: "for all who have no budget of their own" },
    ],
    json: true,
    quiet: true,
    about: "limit what a user, or every user, may use of the models",
    details: "Takes effect at the next request to a model. A user is told at 80 %; at 100 % questions are refused until the \
              period ends. Requests of models without a price count nothing in money.",
    examples: &[
        ("portagent budget set lin --money 5", "five dollars a month"),
        ("portagent budget set --default --tokens 200000 --per day", "for all others"),
        ("portagent budget set ann --unlimited", "the default is not for ann"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let budget = budget(given)?;
    let data = given.data()?;
    let user = owner(given, &data)?;
    data.usage.set_budget(Actor::Operator, user.as_ref(), budget)?;
    let name = user.as_ref().map_or("default", |user| &user.username);
    if given.json {
        return print_json(&json!({
            "user": user.as_ref().map(|user| user.id.as_str()), "limit": budget.map(|budget| budget.limit),
            "measure": budget.map(|budget| budget.measure.as_str()),
            "period": budget.map(|budget| budget.period.as_str()),
        }));
    }
    print(&format!("{}: {}\n", one_line(name), sentence(budget)))
}

fn budget(given: &Given) -> Result<Option<Budget>> {
    let period = given.option("per").unwrap_or("month");
    let period =
        Period::from_text(period).ok_or_else(|| usage(format!("--per {period}: not a period"), "day or month"))?;
    let (measure, limit) = match (given.option("money"), given.option("tokens"), given.has("unlimited")) {
        (None, None, true) => return Ok(None),
        (Some(text), None, false) => (Measure::Money, money::parse(text).ok_or_else(|| not_an_amount("money", text))?),
        (None, Some(text), false) => (Measure::Tokens, text.parse().map_err(|_| not_an_amount("tokens", text))?),
        _ => return Err(usage("name one of --money, --tokens and --unlimited", "such as --money 5 --per month")),
    };
    Ok(Some(Budget { measure, limit, period }))
}

fn not_an_amount(flag: &str, text: &str) -> crate::domain::Error {
    usage(format!("--{flag} {text}: not an amount"), "such as --money 2.50 or --tokens 200000")
}
