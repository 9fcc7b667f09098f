//! Limits the streams that `portagent doctor` asks for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Error, Kind};

/// Streams in one minute, from all addresses together: each holds a thread for a second.
const STREAMS: u32 = 30;
/// Streams that are silent for long; each holds a thread for half a minute.
const SILENT_STREAMS: u32 = 4;

/// Counts the streams of the current minute.
pub(crate) struct Gate {
    per_minute: u32,
    current: Mutex<Option<(Instant, u32)>>,
}

impl Gate {
    pub(crate) fn for_streams() -> Self {
        Self { per_minute: STREAMS, current: Mutex::default() }
    }

    pub(crate) fn for_silence() -> Self {
        Self { per_minute: SILENT_STREAMS, current: Mutex::default() }
    }

    /// Errors: `RateLimited` past the limit.
    pub(crate) fn pass(&self, now: Instant) -> Result<(), Error> {
        let mut state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Duration::from_secs(60);
        let (began, count) = state.filter(|(began, _)| now.duration_since(*began) < minute).unwrap_or((now, 0));
        if count == self.per_minute {
            let error = Error::new(Kind::RateLimited, "too_many_streams", "Too many are asking, try again in a minute");
            return Err(error.retry_after(minute.saturating_sub(now.duration_since(began))));
        }
        *state = Some((began, count + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number() {
        let (gate, start) = (Gate::for_streams(), Instant::now());
        for _ in 0..STREAMS {
            assert!(gate.pass(start).is_ok());
        }
        let refused = gate.pass(start + Duration::from_secs(10)).unwrap_err();
        assert_eq!((refused.kind, refused.retry_after), (Kind::RateLimited, Some(Duration::from_secs(50))));
        assert!(gate.pass(start + Duration::from_secs(60)).is_ok());
    }
}
