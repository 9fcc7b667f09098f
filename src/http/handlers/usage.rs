//! What models cost: one's own usage, and everybody's for administrators.

use serde::Serialize;

use crate::domain::budget::{BudgetState, Period};
use crate::domain::message::Usage;
use crate::domain::user::{Actor, Admin, Caller};
use crate::domain::{Error, Result, clock};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::usage::UsageReport;
use crate::service::{Group, GroupBy, Range, Sums};
use crate::telemetry::timestamp;

const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Serialize)]
struct ReportView<'a> {
    from: i64,
    to: i64,
    total: SumsView,
    groups: Vec<GroupView<'a>>,
    /// Only of one's own; null without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Option<BudgetView>>,
}

#[derive(Serialize)]
struct GroupView<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    sums: SumsView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SumsView {
    requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    cost_micros: u64,
    unpriced_requests: u64,
    aborted_requests: u64,
}

/// A budget in its present period.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BudgetView {
    measure: &'static str,
    limit: u64,
    used: u64,
    percent: u64,
    period: &'static str,
    /// ok, near (80 % and more) or exceeded.
    state: &'static str,
    began_at: i64,
    renews_at: i64,
    is_default: bool,
}

impl From<&Sums> for SumsView {
    fn from(sums: &Sums) -> Self {
        let Usage { input, output, cache_read, cache_creation } = sums.tokens;
        Self {
            requests: sums.requests,
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: cache_read,
            cache_write_tokens: cache_creation,
            cost_micros: sums.cost,
            unpriced_requests: sums.unpriced,
            aborted_requests: sums.aborted,
        }
    }
}

impl<'a> From<&'a Group> for GroupView<'a> {
    fn from(group: &'a Group) -> Self {
        Self { key: &group.key, name: group.name.as_deref(), sums: SumsView::from(&group.sums) }
    }
}

impl From<&BudgetState> for BudgetView {
    fn from(state: &BudgetState) -> Self {
        let word = match (state.is_exceeded(), state.is_near()) {
            (true, _) => "exceeded",
            (false, true) => "near",
            (false, false) => "ok",
        };
        Self {
            measure: state.budget.measure.as_str(),
            limit: state.budget.limit,
            used: state.used,
            percent: state.percent(),
            period: state.budget.period.as_str(),
            state: word,
            began_at: state.began_at,
            renews_at: state.renews_at,
            is_default: state.is_default,
        }
    }
}

pub(crate) fn own(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let by = group_by(req, &[GroupBy::Model, GroupBy::Day])?;
    let (report, budget) = context.services.usage.own(caller, range(req)?, by)?;
    Ok(answer(&report, Some(budget.as_ref().map(BudgetView::from))))
}

pub(crate) fn all(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let by = group_by(req, &[GroupBy::User, GroupBy::Model, GroupBy::Day])?;
    Ok(answer(&context.services.usage.all(Actor::Admin(admin), range(req)?, by)?, None))
}

fn answer(report: &UsageReport, budget: Option<Option<BudgetView>>) -> Response {
    let view = ReportView {
        from: report.range.from,
        to: report.range.to,
        total: SumsView::from(&report.total),
        groups: report.groups.iter().map(GroupView::from).collect(),
        budget,
    };
    Response::json(200, &view)
}

/// Without it, the first that may be asked for. Errors: `Invalid`.
fn group_by(req: &Request, allowed: &[GroupBy]) -> Result<GroupBy> {
    let Some(name) = req.query_value("by").filter(|name| !name.is_empty()) else { return Ok(allowed[0]) };
    let found = allowed.iter().copied().find(|by| by.as_str() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = allowed.iter().map(|by| by.as_str()).collect();
        Error::invalid("invalid_group", format!("by must be one of {}", names.join(", ")))
    })
}

/// Without them: this month, up to now. Errors: `Invalid` for what is no time.
fn range(req: &Request) -> Result<Range> {
    let now = clock::now_ms();
    let moment = |name: &str, default: i64| match req.query_value(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => parse(&text).ok_or_else(|| {
            let message = format!("{name} must be a day such as 2026-11-24, a time, or milliseconds since 1970");
            Error::invalid("invalid_time", message)
        }),
    };
    // A little ahead: the ledger does not follow a clock that steps back.
    Ok(Range { from: moment("from", Period::Month.around(now).0)?, to: moment("to", now + DAY_MS)? })
}

fn parse(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .or_else(|| ["", "T00:00:00Z"].iter().find_map(|rest| timestamp::parse_rfc3339(&format!("{text}{rest}"))))
}
