//! How often an address or an account may try: counted in memory, bounded, and forgotten with time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// Keys that are counted at once; past that, those that count least are forgotten.
const MOST_KEYS: usize = 16_384;

/// Counts attempts by key in a window that begins with the first.
pub(super) struct Throttle<K> {
    window: Duration,
    counts: Mutex<HashMap<K, Count>>,
}

struct Count {
    attempts: u32,
    since: Instant,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, counts: Mutex::new(HashMap::new()) }
    }

    /// How long a key still has to wait, when it has used up `limit`; 0 is no limit.
    pub(super) fn wait(&self, key: &K, limit: u32) -> Option<Duration> {
        let counts = self.counts();
        let count = counts.get(key)?;
        let left = self.window.checked_sub(count.since.elapsed())?;
        (limit > 0 && count.attempts >= limit).then_some(left)
    }

    /// How long ago the first attempt of the present window was.
    pub(super) fn since(&self, key: &K) -> Option<Duration> {
        self.counts().get(key).map(|count| count.since.elapsed())
    }

    pub(super) fn count(&self, key: K) {
        let mut counts = self.counts();
        if counts.len() >= MOST_KEYS && !counts.contains_key(&key) {
            make_room(&mut counts, self.window);
        }
        let now = Instant::now();
        let count = counts.entry(key).or_insert(Count { attempts: 0, since: now });
        if count.since.elapsed() >= self.window {
            *count = Count { attempts: 0, since: now };
        }
        count.attempts = count.attempts.saturating_add(1);
    }

    /// Forgets every key for which `which` says so.
    pub(super) fn forget(&self, which: impl Fn(&K) -> bool) {
        self.counts().retain(|key, _| !which(key));
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room<K>(counts: &mut HashMap<K, Count>, window: Duration) {
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

/// The networks that one household, one customer or one attacker may have, with the factor by which the limit rises: an
/// IPv4 address; of IPv6 the /64, /56 and /48.
pub(super) fn networks(ip: IpAddr) -> impl Iterator<Item = (IpNet, u32)> {
    let ip = ip.to_canonical();
    let lengths: &[(u8, u32)] = if ip.is_ipv4() { &[(32, 1)] } else { &[(64, 1), (56, 2), (48, 4)] };
    lengths.iter().filter_map(move |(length, factor)| Some((IpNet::new(ip, *length).ok()?.trunc(), *factor)))
}

/// The smallest of these networks.
pub(super) fn nearest_network(ip: IpAddr) -> IpNet {
    networks(ip).next().map_or(IpNet::from(ip), |(network, _)| network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_forgotten_and_can_be_off() {
        let throttle = Throttle::new(Duration::from_secs(60));
        for _ in 0..3 {
            assert!(throttle.wait(&"a", 3).is_none());
            throttle.count("a");
        }
        assert!(throttle.wait(&"a", 3).is_some_and(|wait| wait <= Duration::from_secs(60)));
        assert!(throttle.wait(&"a", 0).is_none());
        assert!(throttle.wait(&"b", 3).is_none());
        throttle.forget(|key| *key == "a");
        assert!(throttle.wait(&"a", 3).is_none());
        let short = Throttle::new(Duration::ZERO);
        short.count("a");
        assert!(short.wait(&"a", 1).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let throttle = Throttle::new(Duration::from_secs(60));
        for _ in 0..5 {
            throttle.count("worst".to_owned());
        }
        for index in 0..3 * MOST_KEYS {
            throttle.count(index.to_string());
        }
        assert!(throttle.counts().len() <= MOST_KEYS);
        assert!(throttle.wait(&"worst".to_owned(), 5).is_some());
    }

    #[test]
    fn networks_rise() {
        let check = |ip: &str, expected: &[&str]| {
            let found: Vec<String> =
                networks(ip.parse().expect("an address")).map(|(net, factor)| format!("{net} x{factor}")).collect();
            assert_eq!(found, expected);
        };
        check("192.0.2.7", &["192.0.2.7/32 x1"]);
        check("::ffff:192.0.2.7", &["192.0.2.7/32 x1"]);
        check("2001:db8:1:2:3:4:5:6", &["2001:db8:1:2::/64 x1", "2001:db8:1::/56 x2", "2001:db8:1::/48 x4"]);
    }
}
