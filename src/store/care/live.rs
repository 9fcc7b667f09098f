//! Care for the databases of the running server, through its own writer: in pieces so small that people do not notice.

use super::{Which, tend};
use crate::domain::Result;
use crate::store::engine::Store;
use crate::store::engine::database::Database;
use crate::store::sqlite::{open, rows};

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub bytes: u64,
    pub free_bytes: u64,
    /// Whether free pages can be given back piece by piece.
    pub gives_back: bool,
    pub wal_bytes: u64,
}

impl Store {
    pub fn space(&self, which: Which) -> Result<Space> {
        let database = self.database(which);
        let wal_bytes = database.files().wal_bytes;
        database.read(|conn| {
            let ask = |pragma: &str| rows::count(conn, pragma, []);
            let page = ask("PRAGMA page_size")?;
            Ok(Space {
                bytes: ask("PRAGMA page_count")? * page,
                free_bytes: ask("PRAGMA freelist_count")? * page,
                gives_back: ask("PRAGMA auto_vacuum")? == 2,
                wal_bytes,
            })
        })
    }

    /// Gives back at most so many free pages, in one short transaction.
    pub fn give_back(&self, which: Which, pages: u32) -> Result<()> {
        self.database(which).write(move |conn| {
            // One page a step: the statement has to be run to its end.
            let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })
    }

    /// Moves what the log holds into the file, and cuts the log where it is not being read. Waits for no one.
    /// What would cut the log is left to Litestream where it follows.
    pub fn shorten_log(&self, which: Which) -> Result<()> {
        let directory = self.directory.clone();
        self.database(which).opened().writer.alone(move |conn| {
            let is_followed = tend::is_followed(&directory, which, conn)?;
            let modes: &[&str] = if is_followed { &["PASSIVE"] } else { &["PASSIVE", "TRUNCATE"] };
            for mode in modes {
                let sql = format!("PRAGMA wal_checkpoint({mode})");
                open::with_patience(std::time::Duration::ZERO, || conn.query_row(&sql, [], |_| Ok(())))?;
            }
            Ok(())
        })
    }

    /// Lets SQLite renew its statistics where they grew old.
    pub fn optimize(&self, which: Which) -> Result<()> {
        self.database(which).opened().writer.alone(|conn| Ok(conn.execute_batch("PRAGMA optimize")?))
    }

    fn database(&self, which: Which) -> &Database {
        match which {
            Which::Portagent => &self.accounts,
            Which::Agentx => &self.agent,
        }
    }
}
