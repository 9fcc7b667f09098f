//! What `portagent doctor` asks through a proxy: a stream whose pieces it times, beginning with whom we see.
//!
//! Anyone may ask, so the answer holds nothing that the client does not know, and the rate is limited.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::limits::PING_EVERY;
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

/// Pieces after the first, and the time before each.
const PIECES: usize = 4;
const EVERY: Duration = Duration::from_millis(200);
/// A little more than a chat's socket is ever silent.
const SILENCE: Duration = PING_EVERY.saturating_add(Duration::from_secs(1));

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sight {
    client_ip: String,
    /// The request was forwarded.
    forwarded: bool,
    /// … and says for whom.
    for_whom: bool,
    /// … and is one of TRUSTED_PROXIES.
    believed: bool,
    https: bool,
}

pub(crate) fn stream(context: &Context, req: &Request) -> HandlerResult {
    let is_silent = req.query_value("silent").is_some();
    let gate = if is_silent { &context.silence } else { &context.doctor };
    gate.pass(Instant::now())?;
    let sight = Sight {
        client_ip: req.client_ip.to_string(),
        forwarded: req.forwarded,
        for_whom: req.headers.contains("x-forwarded-for") || req.headers.contains("x-real-ip"),
        believed: req.believed,
        https: req.https,
    };
    let first = serde_json::to_string(&sight).unwrap_or_default();
    let (count, every) = if is_silent { (1, SILENCE) } else { (PIECES, EVERY) };
    let rest = (1..=count).map(|piece| format!("{piece}\n"));
    let pieces = std::iter::once(format!("{first}\n")).chain(rest).map(String::into_bytes).collect();
    Ok(Response::paced("text/plain; charset=utf-8", pieces, every))
}
