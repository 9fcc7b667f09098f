//! Health checks, for load balancers, containers and people. Each check has a file of its own.

pub mod backup;
pub mod clock;
mod databases;
pub mod disk;
pub mod integrity;
mod log_file;
mod models;
mod upstream;
mod wal;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Result;
use crate::domain::finding::{Finding, Level};
use crate::service::models::Registry;
use crate::store::Store;

pub use backup::{BackupPlan, JOB as BACKUP_JOB};
pub use integrity::JOB as INTEGRITY_JOB;
pub use upstream::{Tally, UpstreamRecord};

/// A good answer of the databases counts for this long, so that a flood of health checks does not become one of
/// queries. A bad answer never does.
const ANSWER_GOOD_FOR: Duration = Duration::from_millis(500);
/// Health checks are open to all, so all requests within this time get the same result.
const RESULT_GOOD_FOR: Duration = Duration::from_secs(1);

pub struct Health {
    store: Arc<Store>,
    models: Arc<Registry>,
    upstream: Arc<UpstreamRecord>,
    clock: clock::ClockWatch,
    backups: OnceLock<BackupPlan>,
    /// When the databases last answered. Held for a moment only.
    answered: Mutex<Option<Instant>>,
    /// The last run of all checks. Held during a run, so that requests that come meanwhile share its result.
    last_run: Mutex<Option<(Instant, Arc<[Finding]>)>>,
}

impl Health {
    pub fn new(store: Arc<Store>, upstream: Arc<UpstreamRecord>, models: Arc<Registry>) -> Self {
        Self {
            store,
            models,
            upstream,
            clock: clock::ClockWatch::default(),
            backups: OnceLock::new(),
            answered: Mutex::new(None),
            last_run: Mutex::new(None),
        }
    }

    /// From now on backups are judged by this plan; only the first one counts.
    pub fn expect_backups(&self, plan: BackupPlan) {
        let _ = self.backups.set(plan);
    }

    /// Whether the databases answer. Errors carry the checks that failed.
    pub fn live(&self) -> Result<(), Vec<Finding>> {
        let recently = |at: &Instant| at.elapsed() < ANSWER_GOOD_FOR;
        if self.answered().as_ref().is_some_and(recently) {
            return Ok(());
        }
        let failed: Vec<Finding> =
            databases::checks(&self.store).into_iter().filter(|check| check.level == Level::Fail).collect();
        if !failed.is_empty() {
            return Err(failed);
        }
        *self.answered() = Some(Instant::now());
        Ok(())
    }

    /// All checks, at most a second old.
    pub fn ready(&self) -> Arc<[Finding]> {
        let mut last_run = self.last_run.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, checks)) = &*last_run
            && at.elapsed() < RESULT_GOOD_FOR
        {
            return checks.clone();
        }
        let checks: Arc<[Finding]> = self.run().into();
        *last_run = Some((Instant::now(), checks.clone()));
        checks
    }

    fn run(&self) -> Vec<Finding> {
        let mut checks = databases::checks(&self.store);
        checks.push(wal::check(&self.store));
        checks.push(disk::check(&self.store));
        checks.push(backup::check(&self.store, self.backups.get()));
        checks.push(integrity::check(&self.store));
        checks.push(self.clock.check(&self.store));
        // Where the store cannot say, the check of the databases does.
        let is_ready = self.models.first().is_ok_and(|first| first.is_ready());
        checks.push(upstream::check(&self.upstream, is_ready));
        checks.push(models::check(&self.models, crate::domain::clock::now_ms()));
        checks.push(log_file::check());
        checks
    }

    fn answered(&self) -> MutexGuard<'_, Option<Instant>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who reads a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Health checks are open to all: no cause is quoted, since it may name a path.
    Anyone,
    /// The person who runs a command on the machine.
    Operator,
}

impl Audience {
    fn cause(self, error: &str) -> String {
        match self {
            Self::Anyone => ", the log says why".to_owned(),
            Self::Operator => format!(": {error}"),
        }
    }
}

/// A span of time as people say it, in one unit.
pub(crate) fn spoken(seconds: i64) -> String {
    let (number, unit) = match seconds.max(0) {
        seconds @ 0..120 => (seconds, "s"),
        seconds @ 120..7200 => (seconds / 60, "min"),
        seconds @ 7200..172_800 => (seconds / 3600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_one_unit() {
        for (seconds, said) in [(-5, "0 s"), (90, "90 s"), (600, "10 min"), (7200, "2 hours"), (864_000, "10 days")] {
            assert_eq!(spoken(seconds), said);
        }
    }
}
