//! What a database may bring along that runs when it is read or written: triggers, views, virtual tables.

use std::collections::BTreeSet;
use std::fmt;

use rusqlite::Connection;

use super::rows;
use crate::domain::Result;

/// One of them, as `sqlite_schema` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    kind: String,
    name: String,
    sql: String,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name.escape_debug())
    }
}

/// All of a database.
pub fn programs(conn: &Connection) -> Result<BTreeSet<Program>> {
    let sql = "SELECT iif(type = 'table', 'virtual table', type), name, coalesce(sql, '') FROM sqlite_schema
               WHERE type IN ('trigger', 'view') OR type = 'table' AND coalesce(rootpage, 0) = 0";
    rows::all(conn, sql, [], |row| Ok(Program { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? }))
}
