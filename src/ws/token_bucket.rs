//! How often one connection may ask: a token bucket, filled by the passing time.

use std::time::{Duration, Instant};

pub(super) struct TokenBucket {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl TokenBucket {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), left: burst.into(), at: Instant::now() }
    }

    /// Takes one. `Err` says when there will be one again.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.burst);
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / self.per_second));
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_so_many_a_second() {
        let mut bucket = TokenBucket::new(10, 3);
        let start = bucket.at;
        let mut taken = |ms: u64| bucket.take(start + Duration::from_millis(ms)).is_ok();
        assert_eq!([0, 0, 0, 0, 50].map(&mut taken), [true, true, true, false, false]);
        assert_eq!([151, 152, 10_000, 10_000, 10_000, 10_000].map(&mut taken), [true, false, true, true, true, false]);
    }
}
