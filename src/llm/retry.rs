//! When a question is asked again, and after how long.

use std::time::Duration;

use crate::domain::id::random_bytes;

/// How patient we are with a provider that is busy or cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Repetitions after the first attempt.
    pub most: u32,
    /// The wait before the first repetition; it doubles with each.
    pub first_delay: Duration,
    /// No wait of our own choice is longer.
    pub longest_delay: Duration,
    /// A `retry-after` is honoured up to here; a longer one is passed on to the person instead.
    pub longest_retry_after: Duration,
}

impl Default for Retry {
    /// About twelve seconds of waiting in all, where the provider asks for nothing else.
    fn default() -> Self {
        Self {
            most: 4,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(20),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// How long to wait before the `attempt`-th repetition (from 1). `None`: do not repeat.
    pub(super) fn delay(&self, attempt: u32, retry_after: Option<Duration>) -> Option<Duration> {
        self.delay_with(attempt, retry_after, f64::from(u32::from_le_bytes(random_bytes())) / f64::from(u32::MAX))
    }

    /// `dice` is between 0 and 1. Without it, everybody who was turned away at once would come back at once.
    fn delay_with(&self, attempt: u32, retry_after: Option<Duration>, dice: f64) -> Option<Duration> {
        if attempt > self.most {
            return None;
        }
        let doubled = self.first_delay.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let ours = doubled.min(self.longest_delay).mul_f64(0.5 + dice / 2.0);
        match retry_after {
            Some(asked) if asked > self.longest_retry_after => None,
            // Never earlier than asked, and a little spread beyond.
            Some(asked) => Some(asked + ours.min(self.first_delay).mul_f64(0.25)),
            None => Some(ours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_stay_within_bounds() {
        let retry = Retry::default();
        let check = |attempt, retry_after: Option<u64>, dice, expected: Option<u64>| {
            let delay = retry.delay_with(attempt, retry_after.map(Duration::from_secs), dice);
            assert_eq!(delay, expected.map(Duration::from_millis), "{attempt} {retry_after:?} {dice}");
        };
        check(1, None, 0.0, Some(500));
        check(1, None, 1.0, Some(1000));
        check(3, None, 1.0, Some(4000));
        check(5, None, 1.0, None);
        check(1, Some(7), 1.0, Some(7250));
        check(4, Some(60), 0.0, Some(60_250));
        check(1, Some(61), 0.0, None);
        let patient = Retry { most: 100, ..retry };
        assert_eq!(patient.delay_with(99, None, 1.0), Some(patient.longest_delay));
    }
}
