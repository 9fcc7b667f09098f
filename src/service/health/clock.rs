//! Whether the clock is right: tokens, certificates, invite codes and backups all go by it.

use std::sync::{Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};

use super::spoken;
use crate::domain::clock::now_ms;
use crate::domain::finding::{Finding, Level};
use crate::service::clock_guard;
use crate::store::Store;
use crate::telemetry::timestamp::rfc3339;

/// Between two checks the time of day and the time since boot may part by this much, in milliseconds; programs that
/// keep a clock right move it more gently.
const JUMP_MS: i64 = 5_000;
/// How long a jump is mentioned, in milliseconds.
const MENTIONED_MS: i64 = 3_600_000;
/// A time before this program was written, 2026-01-01, or after 2100-01-01 is no time of day; in milliseconds.
const PLAUSIBLE_MS: std::ops::Range<i64> = 1_767_225_600_000..4_102_444_800_000;

/// The name of the check.
pub const NAME: &str = "clock";

/// The finding for a time of day that cannot be right.
pub fn implausible(now: i64) -> Option<Finding> {
    let message = || format!("the clock is years off: it says {}", rfc3339(now));
    (!PLAUSIBLE_MS.contains(&now))
        .then(|| Finding::fail(NAME, message()).hint("let the network set it: `timedatectl set-ntp true`"))
}

#[derive(Default)]
pub(super) struct ClockWatch(Mutex<ClockState>);

#[derive(Default)]
struct ClockState {
    /// Time of day and time since boot, as they were last seen together.
    last: Option<(i64, i64)>,
    /// By how much it jumped, and when that was in time since boot.
    jumped: Option<(i64, i64)>,
}

impl ClockWatch {
    pub(super) fn check(&self, store: &Store) -> Finding {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).look(now_ms(), boot_ms());
        match clock_guard::is_confirmed(store) {
            Ok(false) if found.level == Level::Pass => Finding::warn(
                NAME,
                "the clock is far ahead of everything that was stored: nothing is deleted by age until it is confirmed",
            ),
            _ => found,
        }
    }
}

impl ClockState {
    fn look(&mut self, wall: i64, boot: i64) -> Finding {
        if let Some((last_wall, last_boot)) = self.last.replace((wall, boot)) {
            let jump = (wall - last_wall) - (boot - last_boot);
            if jump.abs() > JUMP_MS {
                self.jumped = Some((jump, boot));
                let (direction, by) = (direction(jump), spoken(jump.abs() / 1000));
                log::warn!(target: "health", "the clock was set {direction} by {by}; times in the log jump with it");
            }
        }
        if let Some(finding) = implausible(wall) {
            return finding;
        }
        match self.jumped {
            Some((by, at)) if boot - at < MENTIONED_MS => {
                let (direction, by, ago) = (direction(by), spoken(by.abs() / 1000), spoken((boot - at) / 1000));
                Finding::warn(NAME, format!("the clock was set {direction} by {by}, {ago} ago"))
            }
            _ => Finding::pass(NAME, "the clock runs steadily"),
        }
    }
}

fn direction(jump: i64) -> &'static str {
    if jump > 0 { "forward" } else { "back" }
}

/// Also counts the time that a laptop slept: waking up is no jump.
fn boot_ms() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_mentioned_for_an_hour_and_a_wrong_year_always() {
        let mut state = ClockState::default();
        let start = 1_800_000_000_000;
        let mut check = |wall: i64, boot: i64, status: Level, words: &str| {
            let check = state.look(wall, boot);
            assert_eq!(check.level, status, "{wall} {boot}: {}", check.message);
            assert!(check.message.contains(words), "{}", check.message);
        };
        check(start, 0, Level::Pass, "steadily");
        check(start + 60_000, 60_000, Level::Pass, "steadily");
        check(start + 64_000, 61_000, Level::Pass, "steadily");
        check(start + 7_265_000, 62_000, Level::Warn, "forward by 2 hours, 0 s ago");
        check(start + 7_266_000, 63_000, Level::Warn, "forward by 2 hours, 1 s ago");
        check(start + 7_266_000 + MENTIONED_MS, 63_000 + MENTIONED_MS, Level::Pass, "steadily");
        check(start, 64_000 + MENTIONED_MS, Level::Warn, "back by 3 hours");
        check(0, 65_000 + MENTIONED_MS, Level::Fail, "years off");
        check(5_000_000_000_000, 66_000 + MENTIONED_MS, Level::Fail, "years off");
    }
}
