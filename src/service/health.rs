//! Is it well: what a load balancer, a container and a person want to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Result;
use crate::store::Store;

/// Free space below this share of the disk is a warning; below the second, in bytes, a failure.
const DISK_WARN_PERCENT: u64 = 10;
const DISK_FAIL_BYTES: u64 = 32 * 1024 * 1024;

/// A good answer of the databases counts for this long, so that a flood of health checks does not become one of
/// queries. A bad answer never does.
const ANSWER_GOOD_FOR: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pass,
    Warn,
    Fail,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at, and a sentence about it that is safe to show.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    pub message: String,
}

pub struct Health {
    store: Arc<Store>,
    upstream_ready: bool,
    /// When the databases last answered. Held for the time of a look only.
    answered: Mutex<Option<Instant>>,
}

impl Health {
    pub fn new(store: Arc<Store>, upstream_ready: bool) -> Self {
        Self { store, upstream_ready, answered: Mutex::new(None) }
    }

    /// Whether the databases answer. Errors carry the checks that failed.
    pub fn live(&self) -> Result<(), Vec<Check>> {
        let recently = |at: &Instant| at.elapsed() < ANSWER_GOOD_FOR;
        if self.answered().as_ref().is_some_and(recently) {
            return Ok(());
        }
        let failed: Vec<Check> = self.databases().into_iter().filter(|check| check.status == Status::Fail).collect();
        if !failed.is_empty() {
            return Err(failed);
        }
        *self.answered() = Some(Instant::now());
        Ok(())
    }

    /// Everything that is looked at.
    pub fn ready(&self) -> Vec<Check> {
        let mut checks = self.databases();
        checks.push(self.disk());
        checks.push(self.upstream());
        checks
    }

    fn answered(&self) -> MutexGuard<'_, Option<Instant>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn databases(&self) -> Vec<Check> {
        self.store
            .ping()
            .into_iter()
            .map(|(name, answer)| match answer {
                Ok(()) => Check { name, status: Status::Pass, message: format!("{name} answers") },
                Err(error) => {
                    log::error!(target: "health", "{name} does not answer: {}", error.with_cause());
                    Check { name, status: Status::Fail, message: error.message.into_owned() }
                }
            })
            .collect()
    }

    fn disk(&self) -> Check {
        let (status, message) = match self.store.disk() {
            Ok((free, size)) => {
                let message = format!("{} MiB free of {} MiB", free >> 20, size >> 20);
                let status = if free < DISK_FAIL_BYTES {
                    Status::Fail
                } else if free.saturating_mul(100) < size.saturating_mul(DISK_WARN_PERCENT) {
                    Status::Warn
                } else {
                    Status::Pass
                };
                (status, message)
            }
            Err(_) => (Status::Fail, "the data directory's disk cannot be looked at".to_owned()),
        };
        Check { name: "disk", status, message }
    }

    fn upstream(&self) -> Check {
        let (status, message) = if self.upstream_ready {
            (Status::Pass, "a model provider is set up")
        } else {
            (Status::Warn, "no key for the model provider: set LLM_PROVIDER_KEY")
        };
        Check { name: "upstream", status, message: message.to_owned() }
    }
}
