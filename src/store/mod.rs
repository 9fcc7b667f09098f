//! SQLite: the only room that knows it. A public method is one transaction.

pub mod care;
mod content;
mod conversations;
pub mod copy;
mod database;
mod entry;
mod failure;
mod identity;
pub mod inspect;
mod invites;
mod jobs;
mod key;
mod live_file;
mod lock;
mod logins;
mod look_after;
mod look;
mod messages;
mod migrate;
mod open;
mod probe;
mod people;
mod retention;
pub mod salvage;
mod schema;
mod settings;
mod snapshot;
pub mod swap;
mod takeover;
#[cfg(test)]
mod tests;
mod trouble;
mod turns;
mod users;
pub mod v19;
mod writer;

use std::path::{Path, PathBuf};

pub use conversations::DeletedCounts;
pub use database::{DatabaseFiles, Watcher};
pub use invites::Invite;
pub use jobs::JobRecord;
pub use key::kept_key;
pub use lock::DirectoryLock;
pub use look::{Inspected, Inspection, inspect, recorded_job, recorded_since};
pub use messages::Place;
pub use people::Belongings;
pub use retention::{Forgotten, Idle};
pub use snapshot::stamp;
pub use turns::{Begun, NewTurn, Question, TurnRow};
pub use users::{Admission, Credentials, NOT_THE_FIRST};

use crate::domain::{Error, Result};
use database::Database;

/// What has to be done before anybody looks at the files of a directory without opening it as a [`Store`]: ends a
/// restore that was interrupted, and sets logs aside that belong to other files. Nothing while a server holds it.
///
/// Errors: `Unavailable`.
pub fn settle_if_free(directory: &Path) -> Result<()> {
    let Some(lock) = DirectoryLock::take_if_free(directory)? else { return Ok(()) };
    swap::end_interrupted(directory, &lock)?;
    identity::settle_both(directory)
}

/// Both databases of a data directory.
pub struct Store {
    /// `portagent.db`: users, logins, invite codes.
    accounts: Database,
    /// `agentx.db`: containers, conversations, turns, messages.
    agent: Database,
    directory: PathBuf,
    /// Only in the server.
    lock: Option<DirectoryLock>,
}

impl Store {
    /// Opens the data directory beside a server or without one, making what is missing, private to its owner.
    ///
    /// Errors: `Unavailable`, naming the file, when it cannot be used, is damaged or was written by a newer program;
    /// then neither database was changed.
    pub fn open(directory: &Path) -> Result<Self> {
        // While somebody serves the directory, that server has looked at the files, and they are in use.
        match DirectoryLock::take_if_free(directory)? {
            Some(lock) => Self::open_locked(directory, &lock),
            None => Self::open_files(directory),
        }
    }

    /// The same for the server that holds the lock: from now on changes of the files under it are noticed.
    pub fn serve(directory: &Path, lock: &DirectoryLock) -> Result<Self> {
        let store = Self { lock: Some(lock.clone()), ..Self::open_locked(directory, lock)? };
        store.accounts.serve()?;
        store.agent.serve()?;
        Ok(store)
    }

    fn open_locked(directory: &Path, _lock: &DirectoryLock) -> Result<Self> {
        let data = directory.join("data");
        let (accounts, agent) = (data.join("portagent.db"), data.join("agentx.db"));
        swap::finish(directory)?;
        let both = [(&accounts, &schema::PORTAGENT), (&agent, &schema::AGENTX)];
        both.iter().try_for_each(|(path, _)| entry::look_at_header(path))?;
        identity::settle_both(directory)?;
        both.iter().try_for_each(|(path, schema)| entry::look_inside(path, schema))?;
        for (path, other, table) in [(&accounts, &agent, "messages"), (&agent, &accounts, "users")] {
            if entry::has_lost_its_content(path, other, table) {
                return Err(entry::emptied(path));
            }
        }
        Self::open_files(directory)
    }

    fn open_files(directory: &Path) -> Result<Self> {
        let data = directory.join("data");
        for private in [directory, &data, &directory.join("logs")] {
            open::private_dir(private)?;
        }
        Ok(Self {
            accounts: Database::open(&data.join("portagent.db"), &schema::PORTAGENT)?,
            agent: Database::open(&data.join("agentx.db"), &schema::AGENTX)?,
            directory: directory.to_owned(),
            lock: None,
        })
    }

    /// To be called every second by the one server of the directory: see `look_after`.
    pub fn look_after(&self) {
        if let Some(Err(error)) = self.lock.as_ref().map(DirectoryLock::keep) {
            // Somebody removed the lock's file and started a second server: no file of that one's is opened here.
            self.agent.trouble.note(error);
            return;
        }
        self.accounts.look_after();
        self.agent.look_after();
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Asks both databases for an answer. Errors: what each says, by name; also when it answers and cannot store.
    pub fn ping(&self) -> Vec<(&'static str, Result<()>)> {
        let ask = |database: &Database| {
            if let Some(trouble) = database.trouble.current() {
                return Err(trouble);
            }
            database.read(|conn| {
                conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
                    .map(drop)
                    .map_err(failure::error)
            })
        };
        vec![("portagent.db", ask(&self.accounts)), ("agentx.db", ask(&self.agent))]
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
        let number = |conn: &rusqlite::Connection, pragma: &str| {
            conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failure::error)
        };
        [&self.accounts, &self.agent].map(|database| {
            database.read(|conn| {
                let bytes = number(conn, "freelist_count")?.saturating_mul(number(conn, "page_size")?);
                Ok(u64::try_from(bytes).unwrap_or(0))
            })
        })
    }

    /// How large the databases' files are. One that cannot be looked at counts as empty.
    pub fn files(&self) -> [DatabaseFiles; 2] {
        [&self.accounts, &self.agent].map(Database::files)
    }

    /// Removes the files of a container's agents.
    pub fn delete_files(&self, container: &crate::domain::id::ContainerId) -> Result<()> {
        let Some(name) = people::plain_name(container.as_str()) else { return Ok(()) };
        match std::fs::remove_dir_all(self.directory.join("containers").join(name)) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(Error::internal(cause)),
            _ => Ok(()),
        }
    }

    /// Finishes what waits and closes both, so that no `-wal` file is left. Later calls are refused.
    pub fn close(&self) {
        self.accounts.close();
        self.agent.close();
    }
}
