//! What refusals have taught about models, in `portagent.db`, so that a restart does not cost every model a refusal again.

use rusqlite::{Connection, params};

use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Models of one provider; the oldest lessons go first.
const MODELS: i64 = 256;

impl Store {
    /// Models and their lessons, of the provider as it is now.
    pub fn lessons(&self, provider: &str, digest: &str) -> Result<Vec<(String, String)>> {
        let sql = "SELECT model, lessons FROM model_lessons WHERE provider = ?1 AND digest = ?2 ORDER BY model";
        self.accounts.read(|conn| rows::all(conn, sql, [provider, digest], |row| Ok((row.get(0)?, row.get(1)?))))
    }

    /// Keeps one, and forgets those of the provider as it was before.
    pub fn keep_lesson(&self, provider: &str, digest: &str, model: &str, lessons: &str) -> Result<()> {
        let [provider, digest, model, lessons] = [provider, digest, model, lessons].map(str::to_owned);
        self.accounts.write(move |conn| {
            let others = "DELETE FROM model_lessons WHERE provider = ?1 AND digest <> ?2";
            rows::change(conn, others, [&provider, &digest])?;
            let sql = "INSERT OR REPLACE INTO model_lessons (provider, model, digest, lessons, learnedAt) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            rows::change(conn, sql, params![provider, model, digest, lessons, clock::now_ms()])?;
            let oldest = "DELETE FROM model_lessons WHERE provider = ?1 AND model NOT IN \
                          (SELECT model FROM model_lessons WHERE provider = ?1 ORDER BY learnedAt DESC LIMIT ?2)";
            rows::change(conn, oldest, params![provider, MODELS]).map(drop)
        })
    }
}

/// All of one provider, which is changed or removed.
pub fn forget(conn: &Connection, provider: &str) -> Result<()> {
    rows::change(conn, "DELETE FROM model_lessons WHERE provider = ?1", [provider]).map(drop)
}
