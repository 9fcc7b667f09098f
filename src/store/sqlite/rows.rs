//! Reading and changing rows. Every statement is kept prepared, found again by its text.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::domain::{Error, Result};

/// Every row, in order.
pub fn all<T, C: FromIterator<T>>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<C> {
    Ok(conn.prepare_cached(sql)?.query_map(params, read)?.collect::<rusqlite::Result<C>>()?)
}

/// The first row, if there is one.
pub fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(conn.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// The first row. Errors: `NotFound`, naming `what`.
pub fn found<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    what: &str,
) -> Result<T> {
    first(conn, sql, params, read)?.ok_or_else(|| Error::not_found(what))
}

/// The first column of a query that has one row.
pub fn value<T: FromSql>(conn: &Connection, sql: &str, params: impl Params) -> Result<T> {
    Ok(conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}

/// The same for a number of things.
pub fn count(conn: &Connection, sql: &str, params: impl Params) -> Result<u64> {
    value::<i64>(conn, sql, params).map(|count| count.try_into().unwrap_or(0))
}

/// Changes rows; says how many.
pub fn change(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}
