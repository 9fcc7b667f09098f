//! What an operator does to a database as a whole, with room enough for it.

use std::path::Path;

use crate::domain::Result;
use crate::ops::space;
use crate::store::care::{self, Which};

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
    crate::store::settle_if_free(directory)?;
    let needed = care::total(&which.path(directory)).saturating_mul(2).saturating_add(AIR_BYTES);
    space::require(&directory.join("data"), needed)?;
    measured(directory, which, || care::vacuum(directory, which))
}

pub fn optimize(directory: &Path, which: Which) -> Result<Change> {
    crate::store::settle_if_free(directory)?;
    measured(directory, which, || care::optimize(directory, which))
}

fn measured(directory: &Path, which: Which, work: impl FnOnce() -> Result<()>) -> Result<Change> {
    let before = care::total(&which.path(directory));
    work()?;
    Ok(Change { which, before, after: care::total(&which.path(directory)) })
}
