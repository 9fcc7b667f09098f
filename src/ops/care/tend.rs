//! What an operator does to a database as a whole, with room enough for it.

use std::path::Path;

use crate::domain::{Result, clock};
use crate::ops::space;
use crate::store::care::{self, Which};
use crate::store::{JobRecord, Store};

/// A rebuilding writes everything anew and once more into the log, and leaves others some air, in bytes.
const AIR_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of a database and its log, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub which: Which,
    pub before: u64,
    pub after: u64,
}

/// Errors: `Unavailable` without room for it, naming both numbers, and whatever the database says.
pub fn vacuum(directory: &Path, which: Which) -> Result<Change> {
    let needed = care::total(directory, which).saturating_mul(2).saturating_add(AIR_BYTES);
    space::require(&directory.join("data"), needed)?;
    measured(directory, which, || care::vacuum(directory, which))
}

pub fn optimize(directory: &Path, which: Which) -> Result<Change> {
    measured(directory, which, || care::optimize(directory, which))
}

fn measured(directory: &Path, which: Which, work: impl FnOnce() -> Result<()>) -> Result<Change> {
    let before = care::total(directory, which);
    work()?;
    Ok(Change { which, before, after: care::total(directory, which) })
}

/// When backup and integrity check last went well, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastRuns {
    pub backup: Option<i64>,
    pub integrity: Option<i64>,
}

/// Errors: what the database says.
pub fn last_runs(store: &Store) -> Result<LastRuns> {
    let known = |record: Option<JobRecord>| {
        record.and_then(|record| record.last_ok_at).filter(|at| *at <= clock::now_ms().saturating_add(60_000))
    };
    Ok(LastRuns { backup: known(store.job("backup")?), integrity: known(store.job("integrity")?) })
}
