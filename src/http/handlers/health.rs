//! Whether we live, for containers and probes; and whether all is well, for people and dashboards.

use serde::Serialize;

use super::metrics;
use crate::domain::clock;
use crate::domain::finding::{Finding, Level, worst};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::{JSON, Response};

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct ReadyView<'a> {
    status: &'static str,
    timestamp: i64,
    checks: Vec<CheckView<'a>>,
}

/// A failure as errors are written everywhere, and what failed beside it.
#[derive(Serialize)]
struct SickView<'a> {
    status: &'static str,
    timestamp: i64,
    error: &'static str,
    code: &'static str,
    checks: Vec<CheckView<'a>>,
}

/// Exactly the two fields that monitoring has always read, in their order.
pub(crate) fn live(context: &Context, req: &Request) -> HandlerResult {
    let now = clock::now_ms();
    match context.services.health.live() {
        Ok(()) => Ok(Response::data(200, JSON, format!(r#"{{"status":"ok","timestamp":{now}}}"#).into_bytes())),
        Err(failing) => {
            log_failing(req, &failing);
            Ok(Response::json(503, &sick(now, views(context, req, &failing))))
        }
    }
}

pub(crate) fn ready(context: &Context, req: &Request) -> HandlerResult {
    let checks = context.services.health.ready();
    let worst = worst(&*checks);
    log_failing(req, &checks);
    let view = ReadyView { status: worst.as_str(), timestamp: clock::now_ms(), checks: views(context, req, &checks) };
    Ok(Response::json(if worst == Level::Fail { 503 } else { 200 }, &view))
}

/// A 503 has its cause in the log, as every answer of that kind.
fn log_failing(req: &Request, checks: &[Finding]) {
    for check in checks.iter().filter(|check| check.level == Level::Fail) {
        log::error!(target: "http", "not healthy req={}: {}: {}", req.id, check.name, check.message);
    }
}

fn sick(now: i64, checks: Vec<CheckView<'_>>) -> SickView<'_> {
    SickView { status: "error", timestamp: now, error: "The server is not healthy", code: "unhealthy", checks }
}

/// Their sentences hold figures about the machine and its data: they are for those who may read the metrics.
fn views<'a>(context: &Context, req: &Request, checks: &'a [Finding]) -> Vec<CheckView<'a>> {
    let is_admitted = metrics::admit(context.metrics_token.as_ref(), context.trust.knows_local, req).is_ok();
    checks.iter().map(|check| view(check, is_admitted)).collect()
}

fn view(check: &Finding, with_message: bool) -> CheckView<'_> {
    let message = with_message.then_some(&*check.message);
    CheckView { name: check.name, status: check.level.as_str(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(level: Level) -> Finding {
        Finding::new("databases", level, "as it is")
    }

    #[test]
    fn sickness_names_what_fails() {
        let response =
            Response::json(503, &sick(7, vec![view(&check(Level::Fail), true), view(&check(Level::Warn), false)]));
        assert_eq!(
            String::from_utf8_lossy(response.body()),
            r#"{"status":"error","timestamp":7,"error":"The server is not healthy","code":"unhealthy","checks":[{"name":"databases","status":"fail","message":"as it is"},{"name":"databases","status":"warn"}]}"#
        );
    }
}
