//! A look at the databases of a directory from outside, which changes nothing: no file is made, no schema is brought up
//! to date, and what a crash has left is left alone.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, InterruptHandle};

use crate::domain::Error;
use crate::domain::provider::ProviderRow;
use crate::store::engine::migrate::Schema;
use crate::store::migrations;
use crate::store::sqlite::header::{has_journal, has_wal};
use crate::store::sqlite::{open, verdict};
use crate::store::tables::jobs::JobRecord;
use crate::store::tables::{jobs, providers};

/// How long a database may be checked, and how long a lock of the server is waited for.
const CHECK_PATIENCE: Duration = Duration::from_secs(20);
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Complaints of the check that are passed on.
const COMPLAINTS: usize = 2;

pub struct Inspection {
    /// The file's name.
    pub name: &'static str,
    pub path: PathBuf,
    /// The newest schema that this program knows.
    pub newest: i64,
    pub found: Inspected,
}

pub enum Inspected {
    Missing,
    /// With its schema.
    Sound(i64),
    Older(i64),
    Newer(i64),
    /// No server runs, and a `-wal` file is left: reading it would put it in order.
    Unclean,
    /// The check took too long.
    Slow,
    Damaged(String),
    Unreadable(Error),
}

/// Both databases. `is_served`: whether a server has them open.
pub fn inspect(directory: &Path, is_served: bool) -> Vec<Inspection> {
    let look = |name, schema: &Schema| {
        let path = directory.join("data").join(name);
        let found = look(&path, schema, is_served).unwrap_or_else(unreadable);
        Inspection { name, path, newest: schema.newest(), found }
    };
    vec![look("portagent.db", &migrations::PORTAGENT), look("agentx.db", &migrations::AGENTX)]
}

/// The last runs of a job, where they can be read.
pub fn recorded_job(directory: &Path, is_served: bool, name: &str) -> Option<JobRecord> {
    let conn = connect(&directory.join("data/portagent.db"), is_served).ok()??;
    jobs::recorded(&conn, name).ok()?
}

/// When the first account was made, where that can be read, in milliseconds since 1970.
pub fn recorded_since(directory: &Path, is_served: bool) -> Option<i64> {
    let conn = connect(&directory.join("data/portagent.db"), is_served).ok()??;
    conn.query_row("SELECT min(createdAt) FROM users", [], |row| row.get(0)).ok()?
}

/// Accounts, and active administrators among them, where they can be counted.
pub fn recorded_administrators(directory: &Path, is_served: bool) -> Option<(u64, u64)> {
    let conn = connect(&directory.join("data/portagent.db"), is_served).ok()??;
    let query = "SELECT count(*), count(*) FILTER (WHERE isActive <> 0 AND role = 'admin') FROM users";
    let (all, administrators): (u32, u32) = conn.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
    Some((all.into(), administrators.into()))
}

/// The providers that were added, where they can be read.
pub fn recorded_providers(directory: &Path, is_served: bool) -> Option<Vec<ProviderRow>> {
    let conn = connect(&directory.join("data/portagent.db"), is_served).ok()??;
    providers::recorded(&conn).ok()
}

fn look(path: &Path, schema: &Schema, is_served: bool) -> rusqlite::Result<Inspected> {
    if !path.exists() {
        return Ok(Inspected::Missing);
    }
    let Some(conn) = connect(path, is_served)? else { return Ok(Inspected::Unclean) };
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > schema.newest() {
        return Ok(Inspected::Newer(version));
    }
    let complaints = within(CHECK_PATIENCE, conn.get_interrupt_handle(), || complaints(&conn));
    match complaints {
        Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(Inspected::Slow),
        Err(cause) => Err(cause),
        Ok(lines) if lines != ["ok"] => Ok(Inspected::Damaged(verdict::readable(&lines.join("\n")))),
        Ok(_) if version < schema.newest() => Ok(Inspected::Older(version)),
        Ok(_) => Ok(Inspected::Sound(version)),
    }
}

/// `None` for a file that cannot be read without changing it.
fn connect(path: &Path, is_served: bool) -> rusqlite::Result<Option<Connection>> {
    if !is_served && (has_wal(path) || has_journal(path)) {
        return Ok(None);
    }
    let conn = open::read_only(path, !is_served)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    Ok(Some(conn))
}

fn complaints(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("PRAGMA quick_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    lines.take(COMPLAINTS).collect()
}

/// Runs `work`, and interrupts its connection when it takes longer.
fn within<T>(patience: Duration, handle: InterruptHandle, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(patience) {
                handle.interrupt();
            }
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

fn unreadable(cause: rusqlite::Error) -> Inspected {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Inspected::Damaged(cause.to_string()),
        _ => Inspected::Unreadable(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Result;
    use crate::store::Store;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory.join("data"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_look_leaves_everything_as_it_was() -> Result<()> {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a b%20?#"); // nothing in a path means something in a URI
        assert!(inspect(&directory, false).iter().all(|one| matches!(one.found, Inspected::Missing)));
        let store = Store::open(&directory)?;
        store.job_ended("backup", Ok("12 files"))?;
        assert!(
            inspect(&directory, true).iter().all(|one| matches!(one.found, Inspected::Sound(_))),
            "while it is served"
        );
        assert_eq!(recorded_job(&directory, true, "backup").unwrap().detail.as_deref(), Some("12 files"));
        assert!(inspect(&directory, false).iter().any(|one| matches!(one.found, Inspected::Unclean)));
        store.close();
        let before = names(&directory);
        assert!(
            inspect(&directory, false).iter().all(|one| matches!(one.found, Inspected::Sound(_))),
            "after a clean stop"
        );
        assert_eq!(recorded_job(&directory, false, "backup").unwrap().detail.as_deref(), Some("12 files"));
        assert_eq!(names(&directory), before);
        std::fs::write(directory.join("data/agentx.db"), "this is no database at all, but a text").unwrap();
        let found = inspect(&directory, false).pop().unwrap().found;
        assert!(matches!(found, Inspected::Damaged(what) if what.contains("not a database")));
        Ok(())
    }
}
