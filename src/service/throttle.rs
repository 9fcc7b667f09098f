//! How often an address or an account may try: counted in memory, bounded, and forgotten with time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Things that are counted at once; past that, those that count least are forgotten.
const MOST_KEYS: usize = 16_384;

/// Counts attempts by key in a window that begins with the first.
pub(super) struct Throttle {
    window: Duration,
    counts: Mutex<HashMap<String, Count>>,
}

struct Count {
    attempts: u32,
    since: Instant,
}

impl Throttle {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, counts: Mutex::new(HashMap::new()) }
    }

    /// How long a key still has to wait, when it has used up `limit`; 0 is no limit.
    pub(super) fn wait(&self, key: &str, limit: u32) -> Option<Duration> {
        let counts = self.counts();
        let count = counts.get(key)?;
        let left = self.window.checked_sub(count.since.elapsed())?;
        (limit > 0 && count.attempts >= limit).then_some(left)
    }

    /// How long ago the first attempt of the present window was.
    pub(super) fn since(&self, key: &str) -> Option<Duration> {
        self.counts().get(key).map(|count| count.since.elapsed())
    }

    pub(super) fn count(&self, key: &str) {
        let mut counts = self.counts();
        if counts.len() >= MOST_KEYS && !counts.contains_key(key) {
            make_room(&mut counts, self.window);
        }
        let now = Instant::now();
        let count = counts.entry(key.to_owned()).or_insert(Count { attempts: 0, since: now });
        if count.since.elapsed() >= self.window {
            *count = Count { attempts: 0, since: now };
        }
        count.attempts = count.attempts.saturating_add(1);
    }

    /// Forgets every key for which `which` says so.
    pub(super) fn forget(&self, which: impl Fn(&str) -> bool) {
        self.counts().retain(|key, _| !which(key));
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(counts: &mut HashMap<String, Count>, window: Duration) {
    counts.retain(|_, count| count.since.elapsed() < window);
    if counts.len() < MOST_KEYS {
        return;
    }
    let mut attempts: Vec<u32> = counts.values().map(|count| count.attempts).collect();
    attempts.sort_unstable();
    let (median, mut surplus) = (attempts[attempts.len() / 2], counts.len() / 2);
    counts.retain(|_, count| {
        let goes = surplus > 0 && count.attempts <= median;
        surplus -= usize::from(goes);
        !goes
    });
}

/// The part of an address that one household or one attacker has: an IPv4 address, or an IPv6 /64.
pub(super) fn neighbourhood(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_forgotten_and_can_be_off() {
        let throttle = Throttle::new(Duration::from_secs(60));
        for _ in 0..3 {
            assert!(throttle.wait("a", 3).is_none());
            throttle.count("a");
        }
        assert!(throttle.wait("a", 3).is_some_and(|wait| wait <= Duration::from_secs(60)));
        assert!(throttle.wait("a", 0).is_none());
        assert!(throttle.wait("b", 3).is_none());
        throttle.forget(|key| key == "a");
        assert!(throttle.wait("a", 3).is_none());
        let short = Throttle::new(Duration::ZERO);
        short.count("a");
        assert!(short.wait("a", 1).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let throttle = Throttle::new(Duration::from_secs(60));
        for _ in 0..5 {
            throttle.count("worst");
        }
        for index in 0..3 * MOST_KEYS {
            throttle.count(&index.to_string());
        }
        assert!(throttle.counts().len() <= MOST_KEYS);
        assert!(throttle.wait("worst", 5).is_some());
    }

    #[test]
    fn neighbours() {
        let check = |ip: &str, expected: &str| {
            assert_eq!(neighbourhood(ip.parse().expect("an address")), expected);
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    }
}
