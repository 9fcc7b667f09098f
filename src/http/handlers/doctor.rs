//! What `portagent doctor` asks through a proxy: a stream whose pieces it times, beginning with whom we see.
//!
//! Anybody may ask, so it says nothing that the one who asks does not know, and only a few may ask at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::error::Answer;
use super::super::request::Request;
use super::super::response::Response;
use super::super::server::App;
use crate::domain::{Error, Kind};

/// Pieces after the first, and the time before each.
const PIECES: usize = 4;
const EVERY: Duration = Duration::from_millis(200);
/// Streams in one minute, from all addresses together: each holds a thread for a second.
const PER_MINUTE: u32 = 30;

/// Counts the streams of the current minute.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Option<(Instant, u32)>>);

impl Gate {
    fn pass(&self, now: Instant) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Duration::from_secs(60);
        let (began, count) = state.filter(|(began, _)| now.duration_since(*began) < minute).unwrap_or((now, 0));
        if count == PER_MINUTE {
            let error = Error::new(Kind::RateLimited, "too_many_streams", "Too many are asking, try again in a minute");
            return Err(error.retry_after(minute.saturating_sub(now.duration_since(began))));
        }
        *state = Some((began, count + 1));
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sight {
    client_ip: String,
    /// Somebody forwarded the request.
    forwarded: bool,
    /// … and says for whom.
    for_whom: bool,
    /// … and is one of TRUSTED_PROXIES.
    believed: bool,
    https: bool,
}

pub(crate) fn stream(app: &App, req: &Request) -> Answer {
    app.doctor.pass(Instant::now())?;
    let sight = Sight {
        client_ip: req.client_ip.to_string(),
        forwarded: req.forwarded,
        for_whom: req.headers.contains("x-forwarded-for") || req.headers.contains("x-real-ip"),
        believed: req.believed,
        https: req.https,
    };
    let first = serde_json::to_string(&sight).unwrap_or_default();
    let rest = (1..=PIECES).map(|piece| format!("{piece}\n"));
    let pieces = std::iter::once(format!("{first}\n")).chain(rest).map(String::into_bytes).collect();
    Ok(Response::paced("text/plain; charset=utf-8", pieces, EVERY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number() {
        let (gate, start) = (Gate::default(), Instant::now());
        for _ in 0..PER_MINUTE {
            assert!(gate.pass(start).is_ok());
        }
        let refused = gate.pass(start + Duration::from_secs(10)).unwrap_err();
        assert_eq!((refused.kind, refused.retry_after), (Kind::RateLimited, Some(Duration::from_secs(50))));
        assert!(gate.pass(start + Duration::from_secs(60)).is_ok());
    }
}
