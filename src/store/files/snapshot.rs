//! A copy of a database, made by SQLite's own online backup and verified before anybody relies on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::domain::clock;
use crate::domain::{Error, Result};
use crate::store::sqlite::open;

/// Pages copied before other connections get their turn.
const PAGES_PER_STEP: i32 = 1024;

/// Copies the open database to `<directory of path>/snapshots/<name>-<UTC date and time>.db`.
///
/// The copy is written under a temporary name, checked with `integrity_check`, synced, and only then named.
pub fn take(conn: &Connection, path: &Path, name: &str) -> Result<PathBuf> {
    take_into(conn, &path.parent().unwrap_or_else(|| Path::new(".")).join("snapshots"), name)
}

/// The same, to a directory that is made where there is none.
pub fn take_into(conn: &Connection, directory: &Path, name: &str) -> Result<PathBuf> {
    open::private_dir(directory)?;
    let target = directory.join(format!("{name}-{}.db", stamp()));
    let partial = target.with_extension("partial");
    let made = copy(conn, &partial).and_then(|()| verify(&partial)).and_then(|()| publish(&partial, &target));
    if made.is_err() {
        let _ = fs::remove_file(&partial);
    }
    made.map(|()| target)
}

fn copy(conn: &Connection, partial: &Path) -> Result<()> {
    let _ = fs::remove_file(partial);
    open::new_private_file(partial)?;
    let mut copy = Connection::open(partial)?;
    let backup = Backup::new(conn, &mut copy)?;
    backup.run_to_completion(PAGES_PER_STEP, Duration::ZERO, None)?;
    drop(backup);
    // The copy is to be one file, whatever journal the source keeps.
    Ok(copy.pragma_update(None, "journal_mode", "DELETE")?)
}

fn verify(file: &Path) -> Result<()> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let verdict: String = conn.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(Error::unavailable("database_damaged", format!("{} is damaged: {verdict}", file.display()))
        .hint("restore the last good backup"))
}

fn publish(partial: &Path, target: &Path) -> Result<()> {
    let moved = File::open(partial)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(partial, target))
        .and_then(|()| File::open(target.parent().unwrap_or(target))?.sync_all());
    moved.map_err(|cause| {
        Error::unavailable("snapshot_failed", format!("cannot write the snapshot {}: {cause}", target.display()))
    })
}

/// The path, or the first of `path-2`, `path-3` … that is not taken.
pub fn unused(path: &Path) -> PathBuf {
    let numbered = |number: u32| PathBuf::from(format!("{}-{number}", path.display()));
    std::iter::once(path.to_owned()).chain((2..).map(numbered)).find(|path| !path.exists()).unwrap_or_default()
}

/// UTC, fit for file names: `20261124-203300`.
pub fn stamp() -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(clock::now_ms() / 1000).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
