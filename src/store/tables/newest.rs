//! The newest moment that anything stored knows: what a clock can be compared with.

use crate::domain::Result;
use crate::store::engine::Store;
use crate::store::sqlite::rows;

impl Store {
    /// In milliseconds since 1970; `None` where nothing was stored yet.
    pub fn newest_at(&self) -> Result<Option<i64>> {
        let of_accounts = "SELECT max(at) FROM (SELECT max(lastStartedAt) AS at FROM jobs UNION ALL \
                           SELECT max(lastEndedAt) FROM jobs UNION ALL SELECT max(createdAt) FROM users)";
        let accounts: Option<i64> = self.accounts.read(|conn| rows::value(conn, of_accounts, []))?;
        let of_conversations = "SELECT max(max(createdAt, updatedAt)) FROM images";
        Ok(accounts.max(self.agent.read(|conn| rows::value(conn, of_conversations, []))?))
    }
}
