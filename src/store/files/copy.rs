//! Copies of both databases as they were at one moment, while people go on writing.
//!
//! SQLite's backup API starts from the beginning after every commit, unless its source holds a read transaction
//! open: then every page it reads is of that moment, and in WAL mode no writer waits for it. So the moment is two
//! connections of our own, each inside one read transaction until the last page is copied.
//!
//! The order matters. `agentx.db` is frozen first: an account is made before its first message, so every message in
//! the copy has its account in the copy. The other way round, a user who registers and writes between the two would
//! have messages without an account. (An account deleted in these microseconds leaves a container without an owner,
//! which is out of reach.)

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::domain::{Error, Result};
use crate::store::sqlite::open;

/// Files of a data directory's `data/`, in the order in which they are frozen and copied.
pub const DATABASE_FILES: [&str; 2] = ["agentx.db", "portagent.db"];

/// Bytes that are copied between two reports of progress, which may pause the copy.
const STEP_BYTES: u64 = 1024 * 1024;
/// Page cache of the copy that is written, in KiB.
const CACHE_KIB: i64 = 1024;
/// How often a locked file is asked again, and how long we wait in between.
const TRIES: u32 = 100;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Both databases at one moment.
pub struct Moment {
    frozen: Vec<Frozen>,
}

/// One database at that moment.
pub struct Frozen {
    pub file: &'static str,
    /// Size of the copy to be made.
    pub bytes: u64,
    conn: Connection,
    page_bytes: u64,
}

impl Moment {
    /// Errors: `NotFound` where there are no databases; `Unavailable` when one cannot be read.
    pub fn of(directory: &Path) -> Result<Self> {
        let data = directory.join("data");
        let files = DATABASE_FILES.map(|file| (file, data.join(file)));
        super::settle_if_free(directory)?;
        if let Some((_, missing)) = files.iter().find(|(_, path)| !path.is_file()) {
            return Err(no_data(missing));
        }
        let frozen = files.into_iter().map(|(file, path)| Frozen::new(file, &path)).collect::<Result<_>>()?;
        Ok(Self { frozen })
    }

    pub fn databases(&self) -> &[Frozen] {
        &self.frozen
    }
}

impl Frozen {
    fn new(file: &'static str, path: &Path) -> Result<Self> {
        let conn = open::reader(path)?;
        let freeze = || -> rusqlite::Result<(u64, u64)> {
            conn.execute_batch("BEGIN")?;
            // The transaction begins with the first look.
            let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let page_bytes: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok((u64::try_from(pages).unwrap_or(0), u64::try_from(page_bytes).unwrap_or(0)))
        };
        let (pages, page_bytes) = freeze().map_err(|cause| Error::from(cause).named(path))?;
        Ok(Self { file, bytes: pages * page_bytes, conn, page_bytes })
    }

    /// Writes the copy, a single private file. `passed` is called with the bytes of each step; its error ends the work.
    ///
    /// Errors: those of `passed`; `Unavailable` when the source cannot be read or the target not be written.
    pub fn copy_to(&self, target: &Path, mut passed: impl FnMut(u64) -> Result<()>) -> Result<()> {
        open::new_private_file(target)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(target, flags)?;
        prepare_target(&copy)?;
        let backup = Backup::new(&self.conn, &mut copy)?;
        let pages = i32::try_from(STEP_BYTES / self.page_bytes.max(1)).unwrap_or(1).max(1);
        let mut tries = 0;
        loop {
            match backup.step(pages)? {
                StepResult::Done => break,
                StepResult::More => {
                    tries = 0;
                    passed(u64::try_from(pages).unwrap_or(0) * self.page_bytes)?;
                }
                _ => {
                    tries += 1;
                    if tries > TRIES {
                        return Err(Error::unavailable("database_busy", "The database is in use by another program"));
                    }
                    std::thread::sleep(TRY_AGAIN_AFTER);
                }
            }
        }
        drop(backup);
        drop(copy);
        one_file(target)
    }
}

/// The copy is not read before it is whole, and checked then: no journal, no sync on the way.
fn prepare_target(copy: &Connection) -> rusqlite::Result<()> {
    copy.pragma_update(None, "cache_size", -CACHE_KIB)?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    copy.query_row("PRAGMA journal_mode=OFF", [], |_| Ok(()))
}

/// The copy says of itself that it is in WAL mode, as its source is. As a single file it can be read anywhere.
fn one_file(target: &Path) -> Result<()> {
    let conn = open::writer(target)?;
    let mode: String = conn.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(Error::internal(format!("the copy stays in journal mode {mode}"))) }
}

fn no_data(missing: &Path) -> Error {
    Error::new(crate::domain::Kind::NotFound, "no_data", format!("there is no database {}", missing.display()))
        .hint("name the data directory with --data-dir or AGENTX_DIR")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_copy_is_of_one_moment_whatever_is_written_meanwhile() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let source = home.path().join("data/agentx.db");
        let writer = Connection::open(&source).unwrap();
        writer.busy_timeout(Duration::from_secs(5)).unwrap();
        let fill = "CREATE TABLE filling (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                    LIMIT 4000) INSERT INTO filling SELECT randomblob(1000) FROM n;";
        writer.execute_batch(fill).unwrap();
        let moment = Moment::of(home.path()).unwrap();
        let frozen = &moment.databases()[0];
        let target = home.path().join("copy.db");
        let mut steps = 0;
        frozen
            .copy_to(&target, |_| {
                steps += 1;
                writer
                    .execute_batch("INSERT INTO filling VALUES (1); DELETE FROM filling WHERE rowid % 7 = 0;")
                    .unwrap();
                Ok(())
            })
            .unwrap();
        assert!(steps >= 4, "{steps}");
        assert_eq!(std::fs::metadata(&target).unwrap().len(), frozen.bytes);
        let copy = Connection::open(&target).unwrap();
        let rows: i64 =
            copy.query_row("SELECT count(*) FROM filling WHERE length(x) = 1000", [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 4000);
        let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        drop(store);
    }

    #[test]
    fn what_is_told_to_stop_stops() {
        let home = tempfile::tempdir().unwrap();
        drop(Store::open(home.path()).unwrap());
        let writer = Connection::open(home.path().join("data/agentx.db")).unwrap();
        writer.execute_batch("CREATE TABLE filling (x); INSERT INTO filling VALUES (zeroblob(3000000));").unwrap();
        let moment = Moment::of(home.path()).unwrap();
        let stop = |_| Err(Error::conflict("stopped", "stopped"));
        let error = moment.databases()[0].copy_to(&home.path().join("copy.db"), stop).unwrap_err();
        assert_eq!(error.code, "stopped");
    }

    #[test]
    fn a_directory_without_databases_is_named() {
        let home = tempfile::tempdir().unwrap();
        let error = Moment::of(home.path()).err().unwrap();
        assert!(error.message.contains(&*home.path().to_string_lossy()), "{error}");
        assert!(!home.path().join("data").exists(), "nothing was made");
    }
}
