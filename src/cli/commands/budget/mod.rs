//! `portagent budget …`: what people may use in a day or a month.

pub(in crate::cli) mod clear;
pub(in crate::cli) mod list;
pub(in crate::cli) mod set;

use crate::app::DataDirectory;
use crate::cli::command::{Given, usage};
use crate::domain::Result;
use crate::domain::budget::{Budget, Measure};
use crate::domain::money;
use crate::domain::user::{Actor, User};

/// Whose: NAME, or with `--default` that of all who have none of their own.
fn owner(given: &Given, data: &DataDirectory) -> Result<Option<User>> {
    match (given.operand(0), given.has("default")) {
        ("", true) => Ok(None),
        ("", false) | (_, true) => Err(usage("name a user, or --default", "such as `portagent budget set lin …`")),
        (name, false) => data.users.find(Actor::Operator, name).map(Some),
    }
}

fn sentence(budget: Option<Budget>) -> String {
    let Some(Budget { measure, limit, period }) = budget else { return "no limit".to_owned() };
    let limit = match measure {
        Measure::Money => format!("{} US$", money::show(limit)),
        Measure::Tokens => format!("{limit} tokens"),
    };
    format!("{limit} a {}", period.as_str())
}
