//! A database that is open: its writer, its readers, its schema, and what happens when its file is taken away. Knows the
//! two databases of a [`Store`], and nothing of their tables.

pub mod changes;
pub mod database;
pub mod migrate;
pub mod preflight;
pub mod quota;
pub mod supervise;
pub mod trouble;
pub mod writer;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::domain::secret::Secret;
use crate::domain::{Code, Error, Result};
use crate::store::files::key::kept_or_new_key;
use crate::store::files::lock::DirectoryLock;
use crate::store::sqlite::rows;
use crate::workdirs::Workdirs;
use database::{Database, DatabaseFiles, Watcher};
use quota::Quota;

/// Both databases of a data directory.
pub struct Store {
    /// `portagent.db`: users, logins, invite codes.
    pub(in crate::store) accounts: Database,
    /// `agentx.db`: containers, conversations, turns, messages.
    pub(in crate::store) agent: Database,
    pub(in crate::store) directory: PathBuf,
    /// Only in the server.
    pub(in crate::store) lock: Option<DirectoryLock>,
    pub(in crate::store) quota: Quota,
}

impl Store {
    /// To be called every second by the one server of the directory: see [`supervise`].
    pub fn supervise(&self) {
        if let Some(Err(error)) = self.lock.as_ref().map(DirectoryLock::keep) {
            // The lock's file was removed and a second server started: no file of that one's is opened here.
            self.agent.trouble.note(error);
            return;
        }
        self.accounts.supervise();
        self.agent.supervise();
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The files of the agents that work for the people in the databases.
    pub fn workdirs(&self) -> Workdirs {
        Workdirs::of(&self.directory)
    }

    /// The key that signs tokens: the kept one, or a new one that is on the disk before it is used.
    ///
    /// Errors: `Unavailable` when its file cannot be read or written.
    pub fn token_key(&self) -> Result<Secret> {
        kept_or_new_key(&self.directory)
    }

    /// Asks both databases for an answer. Errors: what each says, by name; also when it answers and cannot store.
    pub fn ping(&self) -> Vec<(&'static str, Result<()>)> {
        let ask = |database: &Database| {
            if let Some(trouble) = database.trouble.current() {
                return Err(trouble);
            }
            database.read(look)
        };
        vec![("portagent.db", ask(&self.accounts)), ("agentx.db", ask(&self.agent))]
    }

    /// Whether both databases still answer, through their writers and readers: hangs where one of them does. A lock of
    /// another program is an answer: it is theirs to end, and nothing of ours would make it end sooner.
    ///
    /// Errors: what the first one says that cannot answer.
    pub fn probe(&self) -> Result<()> {
        for database in [&self.accounts, &self.agent] {
            match probe(database) {
                // Our own queue, when it is full, has no hint: that is no answer of the database.
                Err(error) if error.code == Code::DATABASE_BUSY && error.hint.is_some() => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Whether conversations can be stored, as far as is known.
    pub fn is_writable(&self) -> bool {
        self.agent.trouble.current().is_none()
    }

    /// Notices changes to accounts and logins, our own and those of other programs.
    pub fn watch_accounts(&self) -> Result<Watcher> {
        self.accounts.watcher()
    }

    /// Bytes that are free for us on the data directory's disk, and its size.
    pub fn disk(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::statvfs(&self.directory).map_err(Error::internal)?;
        Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
    }

    /// Bytes in the databases' files that hold nothing, in the order of [`Store::files`].
    pub fn free_bytes(&self) -> [Result<u64>; 2] {
        [&self.accounts, &self.agent].map(|database| {
            database.read(|conn| {
                let pages = rows::count(conn, "PRAGMA freelist_count", [])?;
                Ok(pages.saturating_mul(rows::count(conn, "PRAGMA page_size", [])?))
            })
        })
    }

    /// How large the databases' files are. One that cannot be read counts as empty.
    pub fn files(&self) -> [DatabaseFiles; 2] {
        [&self.accounts, &self.agent].map(Database::files)
    }

    /// Finishes what waits and closes both, so that no `-wal` file is left. Later calls are refused.
    pub fn close(&self) {
        self.accounts.close();
        self.agent.close();
    }
}

/// An empty transaction costs no write. Behind a commit that hangs, it hangs too, and that is the point.
fn probe(database: &Database) -> Result<()> {
    database.write(|_| Ok(()))?;
    database.read(look)
}

/// Reads the first page.
fn look(conn: &Connection) -> Result<()> {
    rows::count(conn, "SELECT count(*) FROM sqlite_schema", []).map(drop)
}
