//! What a stream through the proxy shows: whether its pieces come when they are sent, and whom the server sees.

use std::time::Duration;

use serde::Deserialize;

use super::Asked;
use crate::domain::finding::{Finding, Level};
use crate::domain::limits::PING_EVERY;
use crate::ops::doctor::web::{self, Seen};

const STREAMING: &str = "public streaming";
const CLIENT: &str = "public client address";
/// The server takes 800 ms from its first line to its last. Of a proxy that holds them back, all come at once.
const LEAST_SPAN: Duration = Duration::from_millis(400);
/// A client's address as only a proxy of ours may name it; RFC 5737 keeps it for documentation.
const MADE_UP: &str = "192.0.2.77";
/// A busy machine may deliver late what was sent in time, but not always.
const ATTEMPTS: usize = 3;

/// The first line of the stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sight {
    client_ip: String,
    forwarded: bool,
    for_whom: bool,
    believed: bool,
    https: bool,
}

pub(super) fn findings(asked: &Asked<'_>) -> Vec<Finding> {
    let mut streaming = Finding::fail(STREAMING, "");
    let mut sight = None;
    for _ in 0..ATTEMPTS {
        let outcome = asked.web.timed_lines(&address(asked), &[], Duration::ZERO);
        if let Ok((seen, _)) = &outcome {
            sight = seen_by(seen).or(sight);
        }
        streaming = judged(outcome.map(|(seen, times)| (seen.status, times)));
        if streaming.level != Level::Fail {
            break;
        }
    }
    vec![
        streaming,
        sight.map_or_else(
            || Finding::skip(CLIENT, "the server could not be asked which address it sees"),
            |sight| {
                let usual = client(asked, &sight);
                if usual.level == Level::Fail { usual } else { made_up(asked, &sight).unwrap_or(usual) }
            },
        ),
    ]
}

fn address(asked: &Asked<'_>) -> String {
    format!("{}/api/doctor/stream", asked.url)
}

fn seen_by(seen: &Seen) -> Option<Sight> {
    seen.body.lines().next().and_then(|line| serde_json::from_str(line).ok())
}

/// Writes a header as a visitor could, and looks whether the server believes it. Without a proxy in between, from this
/// machine, we are the trusted peer ourselves.
fn made_up(asked: &Asked<'_>, usual: &Sight) -> Option<Finding> {
    if !usual.forwarded && !asked.is_https && is_this_machine(asked.url) {
        return None;
    }
    let headers = [("x-forwarded-for", MADE_UP), ("x-real-ip", MADE_UP)];
    let (seen, _) = asked.web.timed_lines(&address(asked), &headers, Duration::ZERO).ok()?;
    seen_by(&seen).filter(|sight| sight.client_ip == MADE_UP)?;
    let what = "the server believes a client address that a visitor made up, so limits on failed logins are void";
    Some(Finding::fail(CLIENT, what).hint(
        "let the proxy overwrite the header (nginx: proxy_set_header X-Forwarded-For $remote_addr), and name only the \
         proxy in TRUSTED_PROXIES",
    ))
}

fn is_this_machine(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost", "127.", "[::1]"].iter().any(|name| host.starts_with(name))
}

/// A chat's socket is silent until the next ping. Takes as long as that, so only where it was asked for.
pub(super) fn silence(asked: &Asked<'_>) -> Finding {
    const NAME: &str = "public silence";
    let seconds = PING_EVERY.as_secs();
    let address = format!("{}?silent=1", address(asked));
    match asked.web.timed_lines(&address, &[], PING_EVERY) {
        Ok((seen, times)) if seen.status == 200 && times.len() == 2 => {
            Finding::pass(NAME, format!("a connection may be silent for {seconds} s, as a chat's is between two pings"))
        }
        Ok((seen, _)) if seen.status == 429 => {
            Finding::warn(NAME, "another check is running").hint("try again in a minute")
        }
        _ => Finding::fail(
            NAME,
            format!("the proxy ends a connection that is silent for {seconds} s: chats will break off"),
        )
        .hint("let it wait longer (nginx: proxy_read_timeout 3600s; proxy_send_timeout 3600s)"),
    }
}

fn judged(outcome: Result<(u16, Vec<Duration>), ureq::Error>) -> Finding {
    let hint = "turn buffering off (nginx: proxy_buffering off; and gzip off for streams)";
    match outcome {
        Err(error) => {
            Finding::fail(STREAMING, format!("a stream is not answered: {}", web::words(&error).0)).hint(hint)
        }
        Ok((429, _)) => Finding::warn(STREAMING, "another check is running").hint("try again in a minute"),
        Ok((200, times)) if times.len() >= 2 => {
            let span = times[times.len() - 1].saturating_sub(times[0]);
            if span >= LEAST_SPAN {
                Finding::pass(STREAMING, "what the server sends arrives when it is sent")
            } else {
                Finding::fail(STREAMING, "the proxy buffers: what the server sends arrives all at once, at the end")
                    .hint(hint)
            }
        }
        Ok((status, _)) => {
            Finding::fail(STREAMING, format!("a stream is answered with status {status}, and not to its end"))
                .hint(hint)
        }
    }
}

/// Limits on failed logins, and the log, go by the address that the server sees.
fn client(asked: &Asked<'_>, sight: &Sight) -> Finding {
    match sight {
        Sight { forwarded: true, believed: false, .. } => {
            Finding::fail(CLIENT, "the server does not trust its proxy, so all clients have the proxy's address")
                .hint("name the proxy's address in TRUSTED_PROXIES")
        }
        Sight { for_whom: false, .. } if asked.is_https => Finding::fail(
            CLIENT,
            "the proxy does not forward client addresses, so all clients have the proxy's address",
        )
        .hint(
            "let it send X-Forwarded-For and X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-For \
                 $remote_addr; proxy_set_header X-Forwarded-Proto $scheme)",
        ),
        Sight { https: false, .. } if asked.is_https => {
            Finding::warn(CLIENT, "the proxy does not say that clients use https")
                .hint("let it send X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme)")
        }
        Sight { forwarded: false, .. } => Finding::pass(CLIENT, "the server sees the clients' own addresses"),
        Sight { .. } => Finding::pass(CLIENT, "the server sees the clients' addresses as the proxy forwards them"),
    }
}
