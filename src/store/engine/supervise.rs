//! What the one server of a directory does for each database every second: gives the file a cookie that no other has,
//! notices when the file is replaced, and probes whether a failure is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::database::{Database, Opened};
use super::preflight;
use crate::domain::{Code, Error, Result};
use crate::store::files::live_file::FileState;
use crate::store::files::{snapshot, wal_ownership};
use crate::store::sqlite::header::beside;
use crate::store::sqlite::{open, rows};

/// How long a checkpoint waits for readers: it is tried again, so that no writer waits for it.
const CHECKPOINT_PATIENCE: Duration = Duration::ZERO;
/// How often it is tried to save a copy of a file that was deleted.
const RESCUE_AGAIN: Duration = Duration::from_secs(30);
/// How long reads of the old file may take to end before the new one is opened.
const READS_PATIENCE: Duration = Duration::from_secs(5);
/// How long reads of a deleted log may take to end before it is saved; then it is tried again.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// How often `Opened` holds its file itself: once, and once for its writer's thread.
const LIVE_IN_OPENED: usize = 2;

impl Database {
    /// From now on this process is the one that serves the file.
    pub fn serve(&self) -> Result<()> {
        let opened = self.opened();
        let now = opened.writer.alone(|conn| {
            let _ = checkpoint(conn, CHECKPOINT_PATIENCE);
            cookie(conn)
        })?;
        opened.live.serve(now);
        // Without a list on the disk the server serves all the same.
        if let Err(error) = self.set_new_cookie(&opened) {
            log::warn!(target: "store", "{}: {}", self.path.display(), error.with_cause());
        }
        Ok(())
    }

    pub fn supervise(&self) {
        let opened = self.opened();
        let looked = match opened.live.state() {
            FileState::Ours => self.probe(&opened).and_then(|()| self.keep_cookie(&opened)),
            FileState::Gone => self.rescue(&opened).and(opened.live.check()),
            FileState::Other => self.rescue(&opened).and_then(|()| self.change_over(&opened)),
            FileState::Overwritten => opened.live.check(),
            FileState::LogGone => self.save_log(&opened),
        };
        if let Err(error) = looked {
            self.trouble.note(self.with_rescue(&opened, error));
        }
    }

    /// In trouble, tries to store something as small as can be.
    fn probe(&self, opened: &Opened) -> Result<()> {
        if !self.trouble.may_probe() {
            return Ok(());
        }
        let trouble = self.trouble.clone();
        let submitted = opened.writer.try_later(
            |conn| {
                let version: i64 = rows::value(conn, "PRAGMA user_version", [])?;
                Ok(conn.pragma_update(None, "user_version", version)?)
            },
            move |outcome| trouble.probed(outcome.is_ok()),
        );
        submitted.inspect_err(|_| self.trouble.probed(false))
    }

    /// A cookie that another program has changed (`VACUUM`, a new index) is replaced by one that only we can have.
    fn keep_cookie(&self, opened: &Opened) -> Result<()> {
        if self.trouble.current().is_some() {
            return Ok(());
        }
        let now = self.read(cookie)?;
        let (is_newest, has_history) = match &*opened.live.identity() {
            Some(identity) => (identity.is_newest(now), identity.has_history()),
            None => return Ok(()),
        };
        if !is_newest {
            return self.set_new_cookie(opened);
        }
        if has_history { prune(opened) } else { Ok(()) }
    }

    fn set_new_cookie(&self, opened: &Opened) -> Result<()> {
        let next = match &mut *opened.live.identity() {
            Some(identity) => identity.next()?,
            None => return Ok(()),
        };
        opened.writer.alone(move |conn| {
            // In defensive mode SQLite ignores this pragma.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
            conn.pragma_update(None, "schema_version", next)?;
            Ok(conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map(drop)?)
        })?;
        prune(opened)
    }

    /// Saves what we still hold of a file that is not at its path any more.
    fn rescue(&self, opened: &Opened) -> Result<()> {
        {
            let mut rescue = opened.rescue();
            let is_due = rescue.tried.is_none_or(|tried| tried.elapsed() > RESCUE_AGAIN);
            if rescue.saved.is_some() || !is_due {
                return Ok(());
            }
            rescue.tried = Some(Instant::now());
        }
        let directory = self.path.parent().unwrap_or(&self.path).join("rescued");
        match self.read(|conn| snapshot::take_into(conn, &directory, self.schema.name)) {
            Ok(file) => {
                log::warn!(target: "store", "{} is not the file that is served any more; what was in that one was \
                    saved as {}", self.path.display(), file.display());
                opened.rescue().saved = Some(file);
            }
            Err(error) => log::error!(target: "store", "the content of {}, which was deleted, could not be saved: {}",
                self.path.display(), error.with_cause()),
        }
        Ok(())
    }

    /// Goes on with the other file that is at the path, if it is good.
    fn change_over(&self, opened: &Opened) -> Result<()> {
        preflight::look_at_header(&self.path)?;
        opened.close();
        wait_for_reads(opened);
        self.part_with_log(opened)?;
        preflight::look_inside(&self.path, self.schema)?;
        self.open_again()?;
        self.serve()?;
        log::warn!(target: "store", "{} was replaced while it was served; the new file is served now",
            self.path.display());
        self.trouble.over();
        Ok(())
    }

    /// We still hold the deleted log: what is in it goes to the database, which is opened again with a new log.
    fn save_log(&self, opened: &Arc<Opened>) -> Result<()> {
        // A watcher keeps what SQLite knows of the deleted files; it gives up with its next look.
        let is_watched = Arc::strong_count(&opened.live) > LIVE_IN_OPENED;
        let is_saved = !is_watched
            && (opened.writer.is_stopped() || opened.writer.alone(|conn| checkpoint(conn, LOG_PATIENCE))?);
        if !is_saved {
            return opened.live.check();
        }
        opened.close();
        wait_for_reads(opened);
        self.open_again()?;
        self.serve()?;
        log::warn!(target: "store", "{}: its -wal file was deleted while it was served; what was in it is saved",
            self.path.display());
        self.trouble.over();
        Ok(())
    }

    /// The old file's log must not be replayed onto the new file. What was in it is in the old file by now.
    fn part_with_log(&self, opened: &Opened) -> Result<()> {
        let log = beside(&self.path, "-wal");
        if opened.live.has_its_log() && std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            wal_ownership::set_aside(&self.path, "the database was replaced while it was served")?;
        }
        // Connections to the old file may still be closed later, and with them their locks on this one.
        let _ = std::fs::remove_file(beside(&self.path, "-shm"));
        wal_ownership::forget_list(&self.path)
    }

    fn with_rescue(&self, opened: &Opened, error: Error) -> Error {
        match (&opened.rescue().saved, error.code) {
            (Some(file), Code::DATABASE_REPLACED) => {
                let hint = format!("Put the file back; no restart is needed. A verified copy is {}", file.display());
                error.hint(hint)
            }
            _ => error,
        }
    }
}

fn cookie(conn: &Connection) -> Result<u32> {
    rows::value(conn, "PRAGMA schema_version", [])
}

/// Whether everything is in the database file and the log is empty.
fn checkpoint(conn: &Connection, patience: Duration) -> Result<bool> {
    let busy = || rows::value::<i64>(conn, "PRAGMA wal_checkpoint(TRUNCATE)", []);
    open::with_patience(patience, busy).map(|busy| busy == 0)
}

/// Where the log could be emptied, only the newest cookie can still be met. With a long reader beside us, such as
/// Litestream, all stay listed.
fn prune(opened: &Opened) -> Result<()> {
    let is_empty = opened.writer.alone(|conn| Ok(checkpoint(conn, CHECKPOINT_PATIENCE).unwrap_or(false)))?;
    if is_empty && let Some(identity) = &mut *opened.live.identity() {
        identity.prune();
    }
    Ok(())
}

fn wait_for_reads(opened: &Opened) {
    let deadline = Instant::now() + READS_PATIENCE;
    while opened.is_being_read() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}
