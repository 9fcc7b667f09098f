//! The clock: tokens and certificates go by it. Compared with what servers elsewhere say, it need not be believed.

use crate::domain::clock::now_ms;
use crate::domain::finding::Finding;
use crate::service::health::clock::{NAME, implausible};
use crate::telemetry::timestamp;

/// A `Date` header is exact to a second, and travels for a moment. In seconds.
const WARN_SECONDS: i64 = 30;
const FAIL_SECONDS: i64 = 300;

/// What a server elsewhere said the time was.
#[derive(Debug, Clone)]
pub(super) struct Elsewhere {
    /// Whose clock it is.
    pub who: &'static str,
    /// How far ours is ahead of it, in milliseconds.
    pub ahead_ms: i64,
}

impl Elsewhere {
    /// From a `Date` header that was read just now.
    pub(super) fn said(who: &'static str, date: &str) -> Option<Self> {
        Some(Self { who, ahead_ms: now_ms() - timestamp::parse_http_date(date)? })
    }
}

pub(super) fn finding(times: &[Elsewhere]) -> Finding {
    judged(now_ms(), times)
}

fn judged(now: i64, times: &[Elsewhere]) -> Finding {
    if let Some(finding) = implausible(now) {
        return finding;
    }
    let hint = "let the network set it: `timedatectl set-ntp true`";
    let Some(worst) = times.iter().max_by_key(|time| time.ahead_ms.abs()) else {
        return Finding::pass(NAME, "the year is plausible; there was no other clock to compare it with");
    };
    let seconds = (worst.ahead_ms / 1000).abs();
    let direction = if worst.ahead_ms > 0 { "ahead of" } else { "behind" };
    let detail = format!("{seconds} s {direction} the clock of {}", worst.who);
    match seconds {
        FAIL_SECONDS.. => Finding::fail(NAME, detail).hint(hint),
        WARN_SECONDS.. => Finding::warn(NAME, detail).hint(hint),
        _ => Finding::pass(NAME, format!("it agrees with the clock of {}", worst.who)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    #[test]
    fn clocks_that_differ() {
        let now = 1_800_000_000_000;
        let check = |now, ahead_ms: Option<i64>, verdict, words: &str| {
            let times: Vec<Elsewhere> = ahead_ms.map(|ahead_ms| Elsewhere { who: "x", ahead_ms }).into_iter().collect();
            let found = judged(now, &times);
            assert_eq!(found.level, verdict, "{found:?}");
            assert!(found.message.contains(words), "{found:?}");
        };
        check(0, None, Level::Fail, "1970-01-01");
        check(now, None, Level::Pass, "plausible");
        check(now, Some(-900), Level::Pass, "agrees");
        check(now, Some(31_000), Level::Warn, "31 s ahead of the clock of x");
        check(now, Some(-3_600_000), Level::Fail, "3600 s behind the clock of x");
    }
}
