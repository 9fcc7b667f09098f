//! Whether the model's server works, as far as real turns have shown; no request is made only for a check.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::spoken;
use crate::domain::finding::{Finding, Level};

/// The newest turns that are remembered.
const REMEMBERED: usize = 20;
/// So many failures in a row, with no good answer since, are a failure.
const FAILS_IN_A_ROW: usize = 3;
/// A warning: this share of the remembered turns, once there are so many.
const WARN_PERCENT: usize = 25;
const WARN_FROM: usize = 4;

/// What the newest turns saw of the model's server.
#[derive(Default)]
pub struct UpstreamRecord(Mutex<VecDeque<CallOutcome>>);

struct CallOutcome {
    at: Instant,
    /// The code of the error; `None` for an answer.
    failure: Option<&'static str>,
}

/// In numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub seen: usize,
    pub failed: usize,
    /// The newest ones that all failed.
    pub in_a_row: usize,
    pub last_failure: Option<&'static str>,
}

impl UpstreamRecord {
    pub fn answered(&self) {
        self.push(None);
    }

    /// Counts only what says something about the server: a question that no server would take does not.
    pub fn failed(&self, code: &'static str) {
        if is_about_the_server(code) {
            self.push(Some(code));
        }
    }

    pub fn tally(&self) -> Tally {
        let outcomes = self.lock();
        Tally {
            seen: outcomes.len(),
            failed: outcomes.iter().filter(|outcome| outcome.failure.is_some()).count(),
            in_a_row: outcomes.iter().rev().take_while(|outcome| outcome.failure.is_some()).count(),
            last_failure: outcomes.back().and_then(|last| last.failure),
        }
    }

    fn last_ago(&self) -> i64 {
        let last = self.lock().back().map(|last| last.at.elapsed().as_secs());
        i64::try_from(last.unwrap_or_default()).unwrap_or(i64::MAX)
    }

    fn push(&self, failure: Option<&'static str>) {
        let mut outcomes = self.lock();
        if outcomes.len() == REMEMBERED {
            outcomes.pop_front();
        }
        outcomes.push_back(CallOutcome { at: Instant::now(), failure });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CallOutcome>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A conversation that is too long, or content that is refused, is no outage; nor is a model that one person
/// has chosen and that does not exist.
fn is_about_the_server(code: &str) -> bool {
    code.starts_with("upstream_")
        && !matches!(
            code,
            "upstream_too_large"
                | "upstream_bad_request"
                | "upstream_content_policy"
                | "upstream_not_found"
                | "upstream_not_configured"
        )
}

pub(super) fn check(record: &UpstreamRecord, is_ready: bool) -> Finding {
    let tally = record.tally();
    let (status, message) = if !is_ready {
        (Level::Warn, "no key for the model provider: add a provider, or set LLM_PROVIDER_KEY".to_owned())
    } else {
        (judge(&tally), describe(&tally, record.last_ago()))
    };
    Finding::new("upstream", status, message)
}

fn judge(tally: &Tally) -> Level {
    if tally.in_a_row >= FAILS_IN_A_ROW {
        Level::Fail
    } else if tally.seen >= WARN_FROM && tally.failed * 100 >= tally.seen * WARN_PERCENT {
        Level::Warn
    } else {
        Level::Pass
    }
}

fn describe(tally: &Tally, seconds_ago: i64) -> String {
    let ago = spoken(seconds_ago);
    match (tally.seen, tally.last_failure) {
        (0, _) => "a model provider is configured; nothing was asked since the start".to_owned(),
        (seen, None) => format!("the last answer came {ago} ago; {} of the last {seen} turns failed", tally.failed),
        (seen, Some(code)) => {
            format!("the last turn failed {ago} ago ({code}); {} of the last {seen} failed", tally.failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_speak_for_the_server() {
        let check = |turns: &str, expected: Level, words: &str| {
            let record = UpstreamRecord::default();
            for turn in turns.chars() {
                match turn {
                    '+' => record.answered(),
                    '-' => record.failed("upstream_unreachable"),
                    _ => record.failed("upstream_too_large"),
                }
            }
            let check = super::check(&record, true);
            assert_eq!(check.level, expected, "{turns}: {}", check.message);
            assert!(check.message.contains(words), "{turns}: {}", check.message);
        };
        check("", Level::Pass, "nothing was asked");
        check("+", Level::Pass, "0 of the last 1 ");
        check("+-", Level::Pass, "(upstream_unreachable); 1 of the last 2 ");
        check("---", Level::Fail, "3 of the last 3 ");
        check("---oo", Level::Fail, "3 of the last 3 ");
        check("---+", Level::Warn, "3 of the last 4 ");
        check("---+++++++++", Level::Warn, "3 of the last 12 ");
        check("---++++++++++", Level::Pass, "3 of the last 13 ");
        check(&format!("---{}", "+".repeat(20)), Level::Pass, "0 of the last 20 ");
    }

    #[test]
    fn without_a_key_nothing_can_be_asked() {
        assert_eq!(super::check(&UpstreamRecord::default(), false).level, Level::Warn);
    }
}
