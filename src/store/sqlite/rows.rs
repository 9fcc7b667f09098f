//! Reading rows.

use rusqlite::OptionalExtension;

use super::failure;
use crate::domain::{Error, Result};

/// `NotFound` where a query found no row; other failures as they are.
pub fn found<T>(row: rusqlite::Result<T>, what: &str) -> Result<T> {
    optional(row)?.ok_or_else(|| Error::not_found(what))
}

pub fn optional<T>(row: rusqlite::Result<T>) -> Result<Option<T>> {
    row.optional().map_err(failure::error)
}
