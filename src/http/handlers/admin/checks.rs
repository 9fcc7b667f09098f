//! What `portagent doctor` finds, for administrators.

use serde::Serialize;

use crate::domain::clock::now_ms;
use crate::domain::finding::{Finding, worst};
use crate::domain::user::{Actor, Admin};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::telemetry::timestamp;

/// As `portagent doctor --json` prints it.
#[derive(Serialize)]
struct ReportView<'a> {
    verdict: &'static str,
    version: &'static str,
    time: String,
    checks: Vec<CheckView<'a>>,
}

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'static str,
    verdict: &'static str,
    detail: &'a str,
    hint: Option<&'a str>,
}

pub(crate) fn examine(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let findings = context.services.operations.examine(Actor::Admin(admin))?;
    let view = ReportView {
        verdict: worst(&findings).as_str(),
        version: env!("CARGO_PKG_VERSION"),
        time: timestamp::rfc3339(now_ms()),
        checks: findings.iter().map(view).collect(),
    };
    Ok(Response::json(200, &view))
}

fn view(finding: &Finding) -> CheckView<'_> {
    CheckView {
        name: finding.name,
        verdict: finding.level.as_str(),
        detail: &finding.message,
        hint: finding.hint.as_deref(),
    }
}
