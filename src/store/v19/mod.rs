//! Reads the databases that Portagent 1.9 left behind, so that a migration can take them over. Nothing is written here.
//!
//! `agentx.db` was one table of keys and JSON, filled without any check: the same message twice, lists whose
//! conversation is gone, records of people who no longer exist. What can be understood is handed on, one conversation at
//! a time; what cannot is counted and left out, and never an error: one broken record must not cost the others their
//! data. An error means that the database itself could not be read, or that the receiver refused.

mod fold;
mod json;
mod kv;
mod messages;
mod order;
mod records;
pub mod takeover;
mod users;

use rusqlite::Connection;

use self::kv::{Counts, Legacy};
use self::users::each_user;
use crate::domain::Result;
use crate::store::sqlite::rows;

/// Whether this is the key-value store that 1.9 kept conversations in.
///
/// Errors: `Unavailable` or `Internal` when the database cannot be read.
pub fn is_legacy_agentx(conn: &Connection) -> Result<bool> {
    is_unversioned_with(conn, "kv_storage")
}

/// Whether this is the table of users that 1.9 made, which never set a version.
///
/// Errors: `Unavailable` or `Internal` when the database cannot be read.
pub fn is_legacy_portagent(conn: &Connection) -> Result<bool> {
    is_unversioned_with(conn, "users")
}

fn is_unversioned_with(conn: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT (SELECT user_version FROM pragma_user_version) = 0
               AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    rows::value(conn, sql, [table])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_ours_is_not_taken_for_theirs() {
        let conn = Connection::open_in_memory().expect("a database");
        assert!(!is_legacy_agentx(&conn).expect("an answer"));
        conn.execute_batch("CREATE TABLE kv_storage(key TEXT); CREATE TABLE users(userId TEXT)").expect("tables");
        assert!(is_legacy_agentx(&conn).expect("an answer"));
        assert!(is_legacy_portagent(&conn).expect("an answer"));
        conn.pragma_update(None, "user_version", 1).expect("a version");
        assert!(!is_legacy_agentx(&conn).expect("an answer"));
        assert!(!is_legacy_portagent(&conn).expect("an answer"));
    }
}
