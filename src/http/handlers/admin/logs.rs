//! The end of the server's log, for administrators.

use serde::Serialize;

use crate::domain::user::{Actor, Admin};
use crate::domain::{Error, Result};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::telemetry::{self, LogFilter, level_name};

use super::limit;

/// Lines: what is given when nothing is asked, and the most.
const LINES: (usize, usize) = (100, 1000);
/// The longest text that is looked for, in bytes.
const GREP_BYTES: usize = 256;

#[derive(Serialize)]
struct TailView<'a> {
    lines: Vec<LineView<'a>>,
    /// Older lines that match did not fit the answer.
    cut: bool,
}

/// What is no line of ours has a message only.
#[derive(Serialize)]
struct LineView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    message: &'a str,
}

pub(crate) fn tail(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (filter, count) = (filter(req)?, limit(req, LINES)?);
    let tail = context.services.operations.log_tail(Actor::Admin(admin), &filter, count)?;
    let lines = tail.lines.iter().map(|line| view(line)).collect();
    Ok(Response::json(200, &TailView { lines, cut: tail.is_cut }))
}

fn filter(req: &Request) -> Result<LogFilter> {
    let level = req.query_value("level").filter(|name| !name.is_empty()).map(|name| {
        let error = || Error::invalid("invalid_level", "level must be debug, info, warn or error");
        telemetry::level_named(&name).ok_or_else(error)
    });
    let text = req.query_value("grep").unwrap_or_default();
    if text.len() > GREP_BYTES {
        return Err(Error::invalid("invalid_grep", format!("grep may have at most {GREP_BYTES} bytes")));
    }
    Ok(LogFilter {
        level: level.transpose()?,
        since_ms: None,
        user: Vec::new(),
        text: text.to_ascii_lowercase().into_bytes(),
    })
}

fn view(line: &str) -> LineView<'_> {
    match telemetry::parse(line) {
        None => LineView { time: None, level: None, target: None, message: line },
        Some(parsed) => LineView {
            time: Some(parsed.time),
            level: Some(level_name(parsed.level.to_level_filter())),
            target: Some(parsed.target),
            message: parsed.message,
        },
    }
}
