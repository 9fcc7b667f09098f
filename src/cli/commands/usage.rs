//! `portagent usage`: what people and models used, and what it cost.

use serde_json::{Value, json};

use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print, print_json, table};
use crate::cli::since;
use crate::domain::Result;
use crate::domain::budget::Period;
use crate::domain::clock::now_ms;
use crate::domain::money;
use crate::domain::user::Actor;
use crate::service::usage::UsageReport;
use crate::service::{GroupBy, Range, Sums};
use crate::telemetry::timestamp;

const DAY_MS: i64 = 24 * 3_600_000;
const HEADINGS: [&str; 8] =
    ["", "REQUESTS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "COST US$", "WITHOUT PRICE"];

pub(in crate::cli) static COMMAND: Command = Command {
    name: "usage",
    operands: &[],
    options: &[
        CommandOption { flag: "by", value: "WHAT", about: "user, model or day; default: user" },
        CommandOption { flag: "since", value: "T", about: "30m, 2d, today, 2026-11-24 (UTC); default: this month" },
        CommandOption { flag: "csv", value: "", about: "comma-separated values" },
    ],
    json: true,
    quiet: false,
    about: "show what models used and cost",
    details: "Every request to a provider counts, also one that was cut off; costs are known where the model has a price \
              (`price list`) or the provider says what it charges. In --json and --csv they are millionths of a US dollar.",
    examples: &[
        ("portagent usage", "this month, by user"),
        ("portagent usage --by day --since 30d --csv", "for a spreadsheet"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let by = given.option("by").map_or(Ok(GroupBy::User), group_by)?;
    let now = now_ms();
    let from = given.option("since").map_or(Ok(Period::Month.around(now).0), |text| since::moment(text, now))?;
    let report = given.data()?.usage.all(Actor::Operator, Range { from, to: now + DAY_MS }, by)?;
    if given.json {
        print_json(&as_json(&report))
    } else if given.has("csv") {
        print(&as_csv(&report, by))
    } else {
        print(&as_table(&report, by))
    }
}

fn group_by(text: &str) -> Result<GroupBy> {
    GroupBy::from_text(text).ok_or_else(|| usage(format!("--by {text}: not a way to group"), "user, model or day"))
}

fn numbers(sums: &Sums) -> [u64; 8] {
    let tokens = sums.tokens;
    let Sums { requests, cost, unpriced, aborted, .. } = *sums;
    [requests, tokens.input, tokens.cache_read, tokens.cache_creation, tokens.output, cost, unpriced, aborted]
}

fn as_json(report: &UsageReport) -> Value {
    let sums = |sums: &Sums| {
        let [requests, input, read, write, output, cost, unpriced, aborted] = numbers(sums);
        json!({
            "requests": requests, "inputTokens": input, "cacheReadTokens": read, "cacheWriteTokens": write,
            "outputTokens": output, "costMicros": cost, "unpricedRequests": unpriced, "abortedRequests": aborted,
        })
    };
    let groups = report.groups.iter().map(|group| {
        let mut value = sums(&group.sums);
        value["key"] = json!(group.key);
        if let Some(name) = &group.name {
            value["name"] = json!(name);
        }
        value
    });
    json!({
        "from": timestamp::rfc3339(report.range.from), "total": sums(&report.total),
        "groups": groups.collect::<Vec<_>>(),
    })
}

fn as_csv(report: &UsageReport, by: GroupBy) -> String {
    let mut text = format!(
        "{},name,requests,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,cost_micros,\
         unpriced_requests,aborted_requests\n",
        by.as_str()
    );
    for group in &report.groups {
        let cells: Vec<String> = numbers(&group.sums).iter().map(u64::to_string).collect();
        let (key, name) = (quoted(&group.key), quoted(group.name.as_deref().unwrap_or_default()));
        text.push_str(&format!("{key},{name},{}\n", cells.join(",")));
    }
    text
}

/// RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(text: &str) -> String {
    let text = one_line(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn as_table(report: &UsageReport, by: GroupBy) -> String {
    let row = |name: &str, sums: &Sums| {
        let [requests, input, read, write, output, cost, unpriced, _] = numbers(sums);
        let mut row = vec![name.to_owned()];
        row.extend([requests, input, read, write, output].map(|number| number.to_string()));
        row.extend([money::show(cost), if unpriced > 0 { unpriced.to_string() } else { String::new() }]);
        row
    };
    let name = |key: &str| if key.is_empty() { "(deleted)".to_owned() } else { key.to_owned() };
    let mut rows: Vec<Vec<String>> = report
        .groups
        .iter()
        .map(|group| row(group.name.as_deref().unwrap_or(&name(&group.key)), &group.sums))
        .collect();
    rows.push(row("all", &report.total));
    let mut headings = HEADINGS;
    let heading = by.as_str().to_uppercase();
    headings[0] = &heading;
    table(&headings, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_csv() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("lin", "lin");
        check("a,\"b", "\"a,\"\"b\"");
        check("=1+1", "'=1+1");
    }
}
