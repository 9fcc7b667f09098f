//! What stands in the columns of 1.9, whatever its type.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

pub use crate::domain::loose_json::{Raw, mended, milliseconds, text, words};

/// The text of a column; bytes that are no UTF-8 are replaced.
pub fn column(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

/// A whole number of a column, where there is one.
pub fn column_number(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => Some(number as i64), // saturates
        ValueRef::Text(_) => column(value)?.trim().parse().ok(),
        _ => None,
    }
}
