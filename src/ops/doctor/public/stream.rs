//! What a stream through the proxy shows: whether its pieces come when they are sent, and whom the server sees.

use std::time::Duration;

use serde::Deserialize;

use super::Asked;
use crate::domain::finding::{Finding, Level};
use crate::ops::doctor::web;

const STREAMING: &str = "public streaming";
const CLIENT: &str = "public client address";
/// The server takes 800 ms from its first line to its last. Of a proxy that holds them back, all come at once.
const LEAST_SPAN: Duration = Duration::from_millis(400);
/// A busy machine may deliver late what was sent in time, but not always.
const ATTEMPTS: usize = 3;

/// The first line of the stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sight {
    forwarded: bool,
    for_whom: bool,
    believed: bool,
    https: bool,
}

pub(super) fn findings(asked: &Asked<'_>) -> Vec<Finding> {
    let mut streaming = Finding::fail(STREAMING, "");
    let mut sight = None;
    for _ in 0..ATTEMPTS {
        let outcome = asked.web.timed_lines(&format!("{}/api/doctor/stream", asked.url));
        if let Ok((seen, _)) = &outcome {
            sight = seen.body.lines().next().and_then(|line| serde_json::from_str::<Sight>(line).ok()).or(sight);
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
            |sight| client(asked, &sight),
        ),
    ]
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
