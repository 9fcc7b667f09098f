//! The list of a run's cookies, `<database>-identity`: a line each, oldest first, replaced as a whole.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{read_small, sync_directory_of};
use crate::store::sqlite::header::beside;

const FIRST_LINE: &str = "portagent database identity 1";
/// A run in which the schema changes every second for an hour has fewer.
const MOST_BYTES: u64 = 64 * 1024;

/// `None` where there is no list, or none that can be understood: then SQLite is trusted.
pub(super) fn read(database: &Path) -> Option<Vec<u32>> {
    let text = read_small(&beside(database, "-identity"), MOST_BYTES).ok()?;
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return None;
    }
    let listed: Vec<u32> = lines.map(str::parse).collect::<Result<_, _>>().ok()?;
    (!listed.is_empty()).then_some(listed)
}

/// Returns when it is on the disk.
pub(super) fn write(database: &Path, listed: &[u32]) -> io::Result<()> {
    let path = beside(database, "-identity");
    let partial = beside(database, "-identity.partial");
    let lines: String = listed.iter().map(|cookie| format!("{cookie}\n")).collect();
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(format!("{FIRST_LINE}\n{lines}").as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    sync_directory_of(database)
}

pub(super) fn remove(database: &Path) -> io::Result<()> {
    match fs::remove_file(beside(database, "-identity")) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
