//! Whether the clock can be believed: tokens, certificates, invite codes and backups all go by it.

use std::sync::{Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};

use super::{Check, Status, spoken};
use crate::domain::clock::now_ms;

/// Between two looks the time of day and the time since boot may part by this much, in milliseconds; programs that
/// keep a clock right move it more gently.
const JUMP_MS: i64 = 5_000;
/// How long a jump is mentioned, in milliseconds.
const MENTIONED_MS: i64 = 3_600_000;
/// A time before this program was written, 2026-01-01, or after 2100-01-01 is no time of day; in milliseconds.
const PLAUSIBLE_MS: std::ops::Range<i64> = 1_767_225_600_000..4_102_444_800_000;

#[derive(Default)]
pub(super) struct ClockWatch(Mutex<State>);

#[derive(Default)]
struct State {
    /// Time of day and time since boot, as they were last seen together.
    last: Option<(i64, i64)>,
    /// By how much it jumped, and when that was in time since boot.
    jumped: Option<(i64, i64)>,
}

impl ClockWatch {
    pub(super) fn check(&self) -> Check {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).look(now_ms(), boot_ms())
    }
}

impl State {
    fn look(&mut self, wall: i64, boot: i64) -> Check {
        if let Some((last_wall, last_boot)) = self.last.replace((wall, boot)) {
            let jump = (wall - last_wall) - (boot - last_boot);
            if jump.abs() > JUMP_MS {
                self.jumped = Some((jump, boot));
                let (direction, by) = (direction(jump), spoken(jump.abs() / 1000));
                log::warn!(target: "health", "the clock was set {direction} by {by}; times in the log jump with it");
            }
        }
        if !PLAUSIBLE_MS.contains(&wall) {
            return Check::new("clock", Status::Fail, "the clock is years off: set the time of this machine");
        }
        match self.jumped {
            Some((by, at)) if boot - at < MENTIONED_MS => {
                let (direction, by, ago) = (direction(by), spoken(by.abs() / 1000), spoken((boot - at) / 1000));
                Check::new("clock", Status::Warn, format!("the clock was set {direction} by {by}, {ago} ago"))
            }
            _ => Check::new("clock", Status::Pass, "the clock goes steadily"),
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
        let mut state = State::default();
        let start = 1_800_000_000_000;
        let mut check = |wall: i64, boot: i64, status: Status, words: &str| {
            let check = state.look(wall, boot);
            assert_eq!(check.status, status, "{wall} {boot}: {}", check.message);
            assert!(check.message.contains(words), "{}", check.message);
        };
        check(start, 0, Status::Pass, "steadily");
        check(start + 60_000, 60_000, Status::Pass, "steadily");
        check(start + 64_000, 61_000, Status::Pass, "steadily");
        check(start + 7_265_000, 62_000, Status::Warn, "forward by 2 h, 0 s ago");
        check(start + 7_266_000, 63_000, Status::Warn, "forward by 2 h, 1 s ago");
        check(start + 7_266_000 + MENTIONED_MS, 63_000 + MENTIONED_MS, Status::Pass, "steadily");
        check(start, 64_000 + MENTIONED_MS, Status::Warn, "back by 3 h");
        check(0, 65_000 + MENTIONED_MS, Status::Fail, "years off");
        check(5_000_000_000_000, 66_000 + MENTIONED_MS, Status::Fail, "years off");
    }
}
