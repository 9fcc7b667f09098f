//! A copy of a database, made by SQLite's own online backup and verified before it gets its name.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::domain::clock;
use crate::domain::{Error, Result};
use crate::store::sqlite::{open, verdict};

/// Pages copied before other connections get their turn.
const PAGES_PER_STEP: i32 = 1024;
/// Bytes compared at a time.
const COMPARED_BYTES: u64 = 64 * 1024;

/// Copies the open database to `<directory of path>/snapshots/<name>-<UTC date and time>.db`.
///
/// The copy is written under a temporary name, checked with `integrity_check`, synced, and only then named.
pub fn take(conn: &Connection, path: &Path, name: &str) -> Result<PathBuf> {
    take_into(conn, &path.parent().unwrap_or_else(|| Path::new(".")).join("snapshots"), name)
}

/// The same, to a directory that is made where there is none. Where a copy of the same name has the same content, that
/// one is returned: what fails at every start leaves one copy, not one a start.
pub fn take_into(conn: &Connection, directory: &Path, name: &str) -> Result<PathBuf> {
    open::private_dir(directory)?;
    let target = directory.join(format!("{name}-{}.db", stamp()));
    let partial = target.with_extension("partial");
    let made = copy(conn, &partial).and_then(|()| verify(&partial)).and_then(|()| {
        match same_copy(directory, name, &partial) {
            Some(earlier) => Ok(earlier),
            None => publish(&partial, &target).map(|()| target),
        }
    });
    let _ = fs::remove_file(&partial);
    made
}

fn same_copy(directory: &Path, name: &str, copy: &Path) -> Option<PathBuf> {
    let is_one = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(&format!("{name}-")) && file.ends_with(".db")
    };
    let mut paths = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).filter(is_one);
    paths.find(|path| has_same_content(path, copy).unwrap_or(false))
}

/// But for the header's counters of changes (https://www.sqlite.org/fileformat2.html, 1.3.7 and 1.3.15).
fn has_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    let mut is_first = true;
    loop {
        let (mut mine, mut theirs) = (next_bytes(&mut one)?, next_bytes(&mut other)?);
        if is_first {
            without_counters(&mut mine);
            without_counters(&mut theirs);
        }
        if mine != theirs || mine.is_empty() {
            return Ok(mine == theirs);
        }
        is_first = false;
    }
}

fn next_bytes(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(COMPARED_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn without_counters(start: &mut [u8]) {
    for counter in [24..28, 92..96] {
        if let Some(bytes) = start.get_mut(counter) {
            bytes.fill(0);
        }
    }
}

fn copy(conn: &Connection, partial: &Path) -> Result<()> {
    let _ = fs::remove_file(partial);
    open::new_private_file(partial)?;
    let mut copy = open::writer(partial)?;
    let backup = Backup::new(conn, &mut copy)?;
    backup.run_to_completion(PAGES_PER_STEP, Duration::ZERO, None)?;
    drop(backup);
    // The copy is to be one file, whatever journal the source keeps.
    Ok(copy.pragma_update(None, "journal_mode", "DELETE")?)
}

fn verify(file: &Path) -> Result<()> {
    let conn = open::read_only(file, true)?;
    let text: String = conn.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if text == "ok" {
        return Ok(());
    }
    let what = verdict::readable(&text);
    Err(Error::unavailable("database_damaged", format!("{} is damaged: {what}", file.display()))
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
