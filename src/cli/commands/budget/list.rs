//! `portagent budget list`.

use serde_json::{Value, json};

use super::sentence;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::Result;
use crate::domain::user::Actor;
use crate::service::BudgetRow;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "budget list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list the budgets, and how much of each is used",
    details: "",
    examples: &[("portagent budget list", "a table")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let budgets = given.data()?.usage.budgets(Actor::Operator)?;
    if given.json {
        return print_json(&Value::Array(budgets.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = budgets.iter().map(row).collect();
    print(&table(&["USER", "BUDGET", "USED", "RENEWS"], &rows))
}

fn name(row: &BudgetRow) -> String {
    match (&row.user, &row.username) {
        (None, _) => "(default)".to_owned(),
        (Some(id), None) => id.to_string(),
        (Some(_), Some(name)) => name.clone(),
    }
}

fn row(row: &BudgetRow) -> Vec<String> {
    let used = row.state.map_or_else(String::new, |state| format!("{} %", state.percent()));
    let renews = row.state.map_or_else(String::new, |state| timestamp::minute(state.renews_at));
    vec![name(row), sentence(row.budget), used, renews]
}

fn as_json(row: &BudgetRow) -> Value {
    json!({
        "user": row.user.as_ref().map(|user| user.as_str()),
        "username": row.username,
        "limit": row.budget.map(|budget| budget.limit),
        "measure": row.budget.map(|budget| budget.measure.as_str()),
        "period": row.budget.map(|budget| budget.period.as_str()),
        "used": row.state.map(|state| state.used),
        "percent": row.state.map(|state| state.percent()),
        "renewsAt": row.state.map(|state| state.renews_at),
    })
}
