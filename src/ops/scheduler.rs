//! Runs the automatic jobs: one thread, one job at a time, each recorded in `jobs`.
//!
//! A job is due when the last moment at which it should have run lies behind its last good run. So a machine that was
//! off catches up, a clock that jumps brings no flood of runs, and a job that failed is tried again an hour later.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::worker::{Stop, Worker};
use crate::domain::{Code, Error, Result, clock};
use crate::service::clock_guard;
use crate::store::{JobRecord, Store};
use crate::telemetry::metrics::catalog;

/// How often due jobs are looked for. The first time is the first chance to catch up.
const PERIOD: Duration = Duration::from_secs(5);
/// A job that failed, or that a crash cut off, is left alone for so long, in milliseconds.
const RETRY_AFTER_MS: i64 = 60 * 60 * 1000;
/// A time that lies further ahead than this was written by a clock that was wrong, in milliseconds.
const AHEAD_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Between two rounds no job runs longer than this, in milliseconds.
const JUMP_MS: i64 = DAY_MS;
/// Backups compress and check; their buffers are on the heap.
const STACK_BYTES: usize = 1024 * 1024;

/// When a job should run.
#[derive(Debug, Clone)]
pub enum When {
    Never,
    /// At these minutes of the day, UTC.
    Daily(Vec<u16>),
    /// So long after its last good run.
    Every(Duration),
    /// The same, and soon when this is set.
    EveryOrAsked(Duration, Arc<AtomicBool>),
}

/// An automatic job. Its sentence, or its error, is logged and kept.
pub struct Job {
    /// The row in `jobs`.
    pub name: &'static str,
    pub when: When,
    pub run: Work,
}

/// What a job does: a sentence about what was done, or why it was not.
pub type Work = Box<dyn Fn(&Stop) -> Result<String> + Send>;

/// Runs the jobs until the worker is dropped.
///
/// Errors: `Internal` without a thread.
pub fn schedule(store: Arc<Store>, jobs: Vec<Job>) -> Result<Worker> {
    let mut rounds = Rounds { store, jobs, attempts: HashMap::new(), last_now: 0 };
    rounds.check_clock(clock::now_ms());
    Worker::start("scheduler", STACK_BYTES, PERIOD, move |stop| rounds.run_due(stop))
}

struct Rounds {
    store: Arc<Store>,
    jobs: Vec<Job>,
    /// When each was last tried by us: what holds where the database cannot record it.
    attempts: HashMap<&'static str, i64>,
    /// The time of day at the last round, in milliseconds since 1970.
    last_now: i64,
}

impl Rounds {
    fn run_due(&mut self, stop: &Stop) {
        self.check_clock(clock::now_ms());
        for at in 0..self.jobs.len() {
            if !stop.is_set() && self.is_due(&self.jobs[at]) {
                self.run(at, stop);
            }
        }
    }

    /// At the start, and when the time of day jumps.
    fn check_clock(&mut self, now: i64) {
        let jump = now - std::mem::replace(&mut self.last_now, now);
        if jump.abs() > JUMP_MS
            && let Err(error) = clock_guard::check(&self.store, now)
        {
            log::warn!(target: "ops", "the clock cannot be compared with what is stored: {}", error.with_cause());
        }
    }

    fn is_due(&self, job: &Job) -> bool {
        // A database that cannot be read is reported by those who need it.
        let Ok(record) = self.store.job(job.name) else { return false };
        let Ok(since) = self.store.first_user_at() else { return false };
        let now = clock::now_ms();
        is_due(&job.when, now, record.as_ref(), self.attempts.get(job.name).copied(), since)
    }

    fn run(&mut self, at: usize, stop: &Stop) {
        let job = &self.jobs[at];
        self.attempts.insert(job.name, clock::now_ms());
        let outcome = recorded(&self.store, job.name, || {
            catch_unwind(AssertUnwindSafe(|| (job.run)(stop)))
                .unwrap_or_else(|_| Err(Error::internal("the job panicked")))
        });
        match outcome {
            Ok(sentence) => log::info!(target: "ops", "{}: {sentence}", job.name),
            Err(_) if stop.is_set() => log::info!(target: "ops", "{} was interrupted by the stop", job.name),
            Err(error) => {
                catalog::JOB_FAILURES.inc(job.name);
                log::error!(target: "ops", "{} failed: {}", job.name, error.with_cause());
            }
        }
    }
}

/// Runs a job, automatic or on demand, and records how it ended.
pub fn recorded(store: &Store, name: &'static str, run: impl FnOnce() -> Result<String>) -> Result<String> {
    let noted = |note: Result<()>| {
        if let Err(error) = note {
            log::warn!(target: "ops", "the outcome of {name} could not be recorded: {}", error.with_cause());
        }
    };
    noted(store.job_begins(name));
    let outcome = run();
    noted(match &outcome {
        Ok(sentence) => store.job_ended(name, Ok(sentence)),
        // Cut off by a stop is no failure.
        Err(error) if error.code == Code::STOPPED => Ok(()),
        Err(error) => store.job_ended(name, Err(&error.message)),
    });
    outcome
}

/// `since`: when the first account was made; nothing is caught up on from before that.
fn is_due(when: &When, now: i64, record: Option<&JobRecord>, tried: Option<i64>, since: Option<i64>) -> bool {
    let known = |time: Option<i64>| time.filter(|time| *time <= now + AHEAD_MS);
    let last_ok = known(record.and_then(|record| record.last_ok_at));
    let attempts = [tried, record.and_then(|record| record.last_started_at), record.and_then(|r| r.last_ended_at)];
    let last_try = attempts.into_iter().filter_map(known).max();
    // A run that ended well is no reason to wait: the next moment may be minutes away.
    let failed = last_try.filter(|time| last_ok.is_none_or(|ok| *time > ok));
    if failed.is_some_and(|time| now - time < RETRY_AFTER_MS) {
        return false;
    }
    let Some(since) = since else { return false };
    match when {
        When::Never => false,
        When::Daily(minutes) => last_slot(minutes, now).is_some_and(|slot| last_ok.unwrap_or(since) < slot),
        When::Every(period) => is_past(*period, last_ok, now),
        When::EveryOrAsked(period, asked) => asked.load(Ordering::Relaxed) || is_past(*period, last_ok, now),
    }
}

fn is_past(period: Duration, last_ok: Option<i64>, now: i64) -> bool {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
    last_ok.is_none_or(|ok| now.saturating_sub(ok) >= period)
}

/// The newest moment, up to now, at which a daily job should have run.
fn last_slot(minutes: &[u16], now: i64) -> Option<i64> {
    let midnight = now - now.rem_euclid(DAY_MS);
    let slot = |minute: &u16| {
        let today = midnight + i64::from(*minute) * 60_000;
        if today <= now { today } else { today - DAY_MS }
    };
    minutes.iter().map(slot).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T00:00:00Z.
    const MIDNIGHT: i64 = 1_795_478_400_000;
    const HOUR: i64 = 60 * 60 * 1000;

    fn record(started: i64, ended: Option<i64>, ok: Option<i64>) -> JobRecord {
        JobRecord {
            name: "backup".to_owned(),
            last_started_at: Some(started),
            last_ended_at: ended,
            last_ok_at: ok,
            last_error: None,
            detail: None,
        }
    }

    #[test]
    fn slots() {
        let check = |minutes: &[u16], now: i64, expected: Option<i64>| assert_eq!(last_slot(minutes, now), expected);
        check(&[120], MIDNIGHT + 2 * HOUR, Some(MIDNIGHT + 2 * HOUR));
        check(&[120], MIDNIGHT + HOUR, Some(MIDNIGHT - 22 * HOUR));
        check(&[120, 840], MIDNIGHT + HOUR, Some(MIDNIGHT - 10 * HOUR));
        check(&[120, 840], MIDNIGHT + 23 * HOUR, Some(MIDNIGHT + 14 * HOUR));
        check(&[], MIDNIGHT, None);
    }

    #[test]
    fn a_daily_job_catches_up_and_does_not_repeat_itself() {
        let daily = When::Daily(vec![120]);
        let slot = MIDNIGHT + 2 * HOUR;
        let old = Some(MIDNIGHT - 1000 * HOUR);
        let check = |now, record: Option<JobRecord>, since, expected, what: &str| {
            assert_eq!(is_due(&daily, now, record.as_ref(), None, since), expected, "{what}");
        };
        let ok = |at| Some(record(at - 1, Some(at), Some(at)));
        check(slot, ok(slot - 24 * HOUR), old, true, "its time has come");
        check(slot - 1, ok(slot - 24 * HOUR), old, false, "not yet");
        check(slot + 5 * HOUR, ok(slot - 100 * HOUR), old, true, "the machine was off");
        check(slot + 1, ok(slot + 1), old, false, "done for today");
        check(slot + HOUR, None, None, false, "no account yet");
        check(slot + HOUR, None, Some(slot + 1), false, "no account at that time");
        check(slot + HOUR, None, Some(slot - 1), true, "an account was there");
        check(slot + HOUR, ok(slot + 1000 * HOUR), old, true, "the clock was ahead once");
    }

    #[test]
    fn a_failure_is_tried_again_an_hour_later() {
        let daily = When::Daily(vec![120]);
        let slot = MIDNIGHT + 2 * HOUR;
        let good = slot - 24 * HOUR;
        let check = |record: &JobRecord, tried, now, expected| {
            assert_eq!(is_due(&daily, now, Some(record), tried, Some(0)), expected);
        };
        let failed = record(slot, Some(slot + 5), Some(good));
        check(&failed, None, slot + HOUR / 2, false);
        check(&failed, None, slot + 2 * HOUR, true);
        let cut_off = record(slot, Some(good), Some(good));
        check(&cut_off, None, slot + HOUR / 2, false);
        check(&cut_off, None, slot + 2 * HOUR, true);
        let not_noted = record(good - 1, Some(good), Some(good));
        check(&not_noted, Some(slot + 1), slot + HOUR / 2, false);
    }

    #[test]
    fn intervals() {
        let weekly = When::Every(Duration::from_secs(7 * 24 * 3600));
        let check = |ok: Option<i64>, expected| {
            let record = ok.map(|at| record(at, Some(at), Some(at)));
            assert_eq!(is_due(&weekly, MIDNIGHT, record.as_ref(), None, Some(0)), expected);
        };
        check(None, true);
        check(Some(MIDNIGHT - 6 * 24 * HOUR), false);
        check(Some(MIDNIGHT - 7 * 24 * HOUR), true);
        assert!(!is_due(&When::Never, MIDNIGHT, None, None, Some(0)));
        let asked = When::EveryOrAsked(Duration::from_secs(7 * 24 * 3600), Arc::new(AtomicBool::new(true)));
        let fresh = record(MIDNIGHT - HOUR, Some(MIDNIGHT - HOUR), Some(MIDNIGHT - HOUR));
        assert!(is_due(&asked, MIDNIGHT, Some(&fresh), None, Some(0)));
        let When::EveryOrAsked(_, flag) = &asked else { unreachable!() };
        flag.store(false, Ordering::Relaxed);
        assert!(!is_due(&asked, MIDNIGHT, Some(&fresh), None, Some(0)));
    }

    #[test]
    fn what_is_due_runs_once_and_is_noted() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("opens"));
        let mut rounds = Rounds { store: store.clone(), jobs: Vec::new(), attempts: HashMap::new(), last_now: 0 };
        let job = |name, outcome: fn() -> Result<String>| Job {
            name,
            when: When::Every(Duration::from_secs(60)),
            run: Box::new(move |_| outcome()),
        };
        rounds.jobs.push(job("good", || Ok("all is well".to_owned())));
        rounds.jobs.push(job("bad", || Err(Error::unavailable("no", "it does not work"))));
        rounds.jobs.push(job("panicking", || panic!("on purpose")));
        rounds.jobs.push(job("cut off", || Err(Error::conflict("stopped", "The server is stopping"))));
        for at in 0..rounds.jobs.len() {
            rounds.run(at, &Stop::default());
            assert!(!rounds.is_due(&rounds.jobs[at]));
        }
        let good = store.job("good").expect("reads").expect("is there");
        assert_eq!((good.detail.as_deref(), good.last_error), (Some("all is well"), None));
        let bad = store.job("bad").expect("reads").expect("is there");
        assert_eq!((bad.last_ok_at, bad.last_error.as_deref()), (None, Some("it does not work")));
        assert_eq!(store.job("cut off").expect("reads").expect("is there").last_error, None);
        assert!(store.job("panicking").expect("reads").expect("is there").last_error.is_some());
    }
}
