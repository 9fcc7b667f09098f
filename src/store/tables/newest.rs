//! The newest moment that anything stored knows: what a clock can be compared with.

use rusqlite::Connection;

use crate::domain::Result;
use crate::store::engine::Store;
use crate::store::sqlite::failure;

impl Store {
    /// In milliseconds since 1970; `None` where nothing was stored yet.
    pub fn newest_at(&self) -> Result<Option<i64>> {
        let newest = |conn: &Connection, sql: &str| {
            conn.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map_err(failure::error)
        };
        let accounts = self.accounts.read(|conn| {
            newest(
                conn,
                "SELECT max(at) FROM (SELECT max(lastStartedAt) AS at FROM jobs UNION ALL SELECT max(lastEndedAt) FROM jobs \
                 UNION ALL SELECT max(createdAt) FROM users)",
            )
        })?;
        let conversations =
            self.agent.read(|conn| newest(conn, "SELECT max(max(createdAt, updatedAt)) FROM images"))?;
        Ok(accounts.max(conversations))
    }
}
