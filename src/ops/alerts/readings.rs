//! What the rules evaluate: numbers and sentences that the server has anyway.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::finding::{Finding, Level};
use crate::service::Services;
use crate::service::health::{BACKUP_JOB, INTEGRITY_JOB};
use crate::store::Store;
use crate::telemetry::metrics::{self, Memory, Totals};

/// Requests are judged by those of this time.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Fewer requests say nothing about a rate or a percentile.
const LEAST_REQUESTS: u64 = 20;
/// Samples that are kept, at most one a second.
const SAMPLES: usize = 301;

/// A value for a rule, and what there is to say about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) value: f64,
    pub(super) summary: String,
}

#[derive(Default)]
pub(super) struct Readings {
    /// Requests so far, at each sample of the window.
    samples: VecDeque<(Instant, Totals)>,
    pub(super) health: Reading,
    pub(super) memory: Reading,
    pub(super) disk: Reading,
    pub(super) response_time: Reading,
    pub(super) error_rate: Reading,
    pub(super) backup: Reading,
    pub(super) integrity: Reading,
    pub(super) upstream: Reading,
}

impl Readings {
    /// Reads everything again.
    pub(super) fn take(&mut self, services: &Services, store: &Store) -> &Self {
        self.health = health(services.health.live().err().as_deref());
        let checks = services.health.ready();
        self.backup = of_check(&checks, BACKUP_JOB, Level::Warn);
        self.integrity = of_check(&checks, INTEGRITY_JOB, Level::Warn);
        self.upstream = of_check(&checks, "upstream", Level::Fail);
        self.memory = metrics::memory().map(memory).unwrap_or_default();
        self.disk = store.disk().ok().map(disk).unwrap_or_default();
        let span = self.requests(Instant::now(), metrics::totals());
        (self.response_time, self.error_rate) = (response_time(&span), error_rate(&span));
        self
    }

    fn requests(&mut self, now: Instant, totals: Totals) -> Totals {
        while self.samples.front().is_some_and(|(at, _)| now - *at > WINDOW) || self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        let span = totals.since(self.samples.front().map_or(&totals, |(_, first)| first));
        self.samples.push_back((now, totals));
        span
    }
}

fn health(failing: Option<&[Finding]>) -> Reading {
    match failing {
        None => Reading { value: 0.0, summary: "the databases answer".to_owned() },
        Some(checks) => {
            let said: Vec<String> = checks.iter().map(|check| format!("{}: {}", check.name, check.message)).collect();
            Reading { value: 1.0, summary: format!("the server is unhealthy: {}", said.join("; ")) }
        }
    }
}

fn of_check(checks: &[Finding], name: &str, from: Level) -> Reading {
    let Some(check) = checks.iter().find(|check| check.name == name) else { return Reading::default() };
    let is_bad = check.level == Level::Fail || (check.level == from && from == Level::Warn);
    Reading { value: f64::from(u8::from(is_bad)), summary: format!("{name}: {}", check.message) }
}

fn memory(memory: Memory) -> Reading {
    let percent = share(memory.used, memory.limit);
    let summary =
        format!("{percent:.0} % of the memory is in use ({} of {} MiB)", memory.used >> 20, memory.limit >> 20);
    Reading { value: percent, summary }
}

fn disk((free, size): (u64, u64)) -> Reading {
    let percent = share(size.saturating_sub(free), size);
    let summary =
        format!("{percent:.0} % of the data's disk is in use ({} of {} MiB are free)", free >> 20, size >> 20);
    Reading { value: percent, summary }
}

/// 95 of 100 requests are answered within it.
fn response_time(span: &Totals) -> Reading {
    let time = span.quantile(95).filter(|_| span.requests >= LEAST_REQUESTS);
    let seconds = time.unwrap_or_default().as_secs_f64();
    Reading { value: seconds, summary: format!("95 % of the requests of 5 minutes were answered within {seconds} s") }
}

fn error_rate(span: &Totals) -> Reading {
    let enough = span.requests >= LEAST_REQUESTS;
    let percent = if enough { share(span.server_errors, span.requests) } else { 0.0 };
    let summary =
        format!("{percent:.0} % of the requests of 5 minutes failed ({} of {})", span.server_errors, span.requests);
    Reading { value: percent, summary }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_read_as_well_or_not() {
        let checks = |level| [Finding::new("backup", level, "m")];
        let check = |level, from, expected: f64| {
            assert!((of_check(&checks(level), "backup", from).value - expected).abs() < 0.1, "{level:?} {from:?}");
        };
        check(Level::Pass, Level::Warn, 0.0);
        check(Level::Warn, Level::Warn, 1.0);
        check(Level::Fail, Level::Warn, 1.0);
        check(Level::Warn, Level::Fail, 0.0);
        check(Level::Fail, Level::Fail, 1.0);
        assert_eq!(of_check(&[], "backup", Level::Warn).summary, "");
    }

    #[test]
    fn few_requests_say_nothing() {
        let mut span = Totals { requests: LEAST_REQUESTS - 1, server_errors: 19, ..Totals::default() };
        assert!(error_rate(&span).value < 0.1 && response_time(&span).value < 0.1);
        span.requests += 1;
        assert!(error_rate(&span).value > 90.0 && response_time(&span).value > 5.0);
    }

    #[test]
    fn the_window_is_five_minutes() {
        let mut readings = Readings::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let totals = |requests| Totals { requests, ..Totals::default() };
        assert_eq!(readings.requests(at(0), totals(100)).requests, 0, "what came before does not count");
        assert_eq!(readings.requests(at(30), totals(130)).requests, 30);
        assert_eq!(readings.requests(at(300), totals(200)).requests, 100);
        assert_eq!(readings.requests(at(330), totals(230)).requests, 100);
        assert_eq!(readings.requests(at(10_000), totals(300)).requests, 0);
        for second in 0..1000 {
            readings.requests(at(10_001) + Duration::from_millis(second), totals(300));
        }
        assert!(readings.samples.len() <= SAMPLES);
    }
}
