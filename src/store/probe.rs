//! Whether both databases still answer: asked through their writers and readers, changing nothing.

use super::database::Database;
use super::{Store, failure};
use crate::domain::Result;

impl Store {
    /// Returns when both have answered; hangs where one of them does. A lock of another program is an answer: it is
    /// theirs to end, and nothing of ours would make it end sooner.
    ///
    /// Errors: what the first one says that cannot answer.
    pub fn probe(&self) -> Result<()> {
        for database in [&self.accounts, &self.agent] {
            match probe(database) {
                // Our own queue, when it is full, has no hint: that is no answer of the database.
                Err(error) if error.code == "database_busy" && error.hint.is_some() => {}
                other => other?,
            }
        }
        Ok(())
    }
}

/// An empty transaction costs no write. Behind a commit that hangs, it hangs too, and that is the point.
fn probe(database: &Database) -> Result<()> {
    database.write(|_| Ok(()))?;
    database.read(|conn| conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failure::error))
}
