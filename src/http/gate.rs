//! Limits the streams that `portagent doctor` asks for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Error, Kind};

/// Streams in one minute, from all addresses together: each holds a thread for a second.
const PER_MINUTE: u32 = 30;

/// Counts the streams of the current minute.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Option<(Instant, u32)>>);

impl Gate {
    /// Errors: `RateLimited` past the limit.
    pub(crate) fn pass(&self, now: Instant) -> Result<(), Error> {
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
