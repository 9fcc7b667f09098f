//! Whose `-wal` is this? A crash leaves a write-ahead log beside the database; if a backup is then copied over
//! the database, SQLite would replay the old log onto the restored file and mix the two.
//!
//! SQLite keeps a *schema cookie* in the first page of the file, a number that it only compares. While we serve we set
//! it to a random number that no other file has, and keep the numbers of this run in `<database>-identity`, synced
//! before they are used. `.backup` gives its copy a cookie of 1 or one more than the overwritten copy had, and a copy
//! of an earlier run has another number: so a database whose cookie is not one of this run is not the file that the
//! log belongs to. What is set aside is never deleted.

mod cookies;
mod list;
mod replay;

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::snapshot;
use crate::domain::Result;
use crate::domain::id::random_bytes;
use crate::store::sqlite::header::{Header, beside, has_wal};
use crate::store::sqlite::{failure, open};

/// Schema changes by others (`VACUUM`, `CREATE INDEX`) that may have happened since we last set the cookie: each adds
/// one to it. Far fewer than there are numbers between two random ones.
const OUTSIDE_STEPS: u32 = 1000;
/// Our cookies are larger than any that counting from 1 arrives at.
const LEAST_COOKIE: u32 = 1 << 20;

/// For both databases of a directory without a server. Errors: those of [`settle`].
pub fn settle_both(directory: &Path) -> Result<()> {
    ["portagent.db", "agentx.db"].iter().try_for_each(|file| settle(&directory.join("data").join(file)))
}

/// Sets a log aside that does not belong to the database beside it. To be called before SQLite opens the file, and
/// only while no server serves the directory.
///
/// Errors: `Unavailable` when that cannot be decided, or when the log cannot be moved.
fn settle(database: &Path) -> Result<()> {
    let Some(listed) = list::read(database) else { return Ok(()) };
    let about = |cause: io::Error| open::not_writable(database, cause);
    let header = match fs::File::open(database) {
        Ok(file) => Header::read(&file).map_err(about)?,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(about(cause)),
    };
    let log = beside(database, "-wal");
    let Some(header) = header else { return Ok(()) };
    if !has_wal(database) {
        // Without a log there is nothing to guard, and the list may be of another file: it is written anew.
        return list::remove(database).map_err(about);
    }
    let found = cookies::cookies(&log).map_err(about)?;
    let verdict = match judge(&listed, header.cookie(), header.is_wal_mode(), &found) {
        Verdict::Unclear => replay::try_on_a_copy(database)?,
        verdict => verdict,
    };
    match verdict {
        Verdict::Stale(why) => set_aside(database, &why),
        Verdict::Belongs | Verdict::Unclear => Ok(()),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Belongs,
    /// Not this database's; why.
    Stale(String),
    /// The database was changed by another program in the last second before the crash, or is a copy that was.
    Unclear,
}

/// `main` is the cookie in the database file, `log` those of the committed first pages in the log, in their order.
fn judge(listed: &[u32], main: u32, is_wal_mode: bool, log: &[u32]) -> Verdict {
    let Some(of_main) = rank(listed, main) else {
        return Verdict::Stale(format!("the database beside it is another one (cookie {main})"));
    };
    if !is_wal_mode {
        return Verdict::Stale("the database beside it never had a log".to_owned());
    }
    let mut newest = None;
    for cookie in log {
        match rank(listed, *cookie) {
            Some(of_log) => newest = Some(of_log),
            None => return Verdict::Stale(format!("it is of another run (cookie {cookie})")),
        }
    }
    // The database gets its first page from the log: it is never ahead of it.
    if newest.is_some_and(|newest| newest < of_main) {
        return Verdict::Stale("the database beside it is newer".to_owned());
    }
    if of_main.1 == 0 { Verdict::Belongs } else { Verdict::Unclear }
}

/// Which of our cookies it comes from, and how many changes by others later.
fn rank(listed: &[u32], cookie: u32) -> Option<(usize, u32)> {
    let steps = |ours: &u32| cookie.checked_sub(*ours).filter(|steps| *steps <= OUTSIDE_STEPS);
    listed.iter().enumerate().filter_map(|(at, ours)| Some((at, steps(ours)?))).min_by_key(|(_, steps)| *steps)
}

/// Keeps the log of another file under another name, and says so.
pub fn set_aside(database: &Path, why: &str) -> Result<()> {
    let about = |cause: io::Error| open::not_writable(database, cause);
    let log = beside(database, "-wal");
    let aside = snapshot::unused(&beside(database, &format!("-wal.stale-{}", snapshot::stamp())));
    match fs::remove_file(beside(database, "-shm")) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(about(cause)),
        _ => {}
    }
    fs::rename(&log, &aside).and_then(|()| sync_directory_of(database)).map_err(about)?;
    list::remove(database).map_err(about)?;
    log::warn!(
        target: "store",
        "{} does not belong to {}: {why}. It was not replayed, and is kept as {}",
        log.display(),
        database.display(),
        aside.display()
    );
    Ok(())
}

/// Forgets the list of a database that is not there any more.
pub fn forget_list(database: &Path) -> Result<()> {
    list::remove(database).map_err(|cause| failure::of_file(database, cause))
}

/// The cookies of this run of a server, and their list on the disk.
pub struct Identity {
    database: PathBuf,
    listed: Vec<u32>,
}

impl Identity {
    /// Of a database that we have begun to serve: all cookies that are in the file and in its log, `now` as the last.
    pub fn of(database: &Path, header: &Header, now: u32) -> Self {
        let mut listed = cookies::cookies(&beside(database, "-wal")).unwrap_or_default();
        listed.extend([header.cookie(), now]);
        listed.dedup();
        Self { database: database.to_owned(), listed }
    }

    /// Whether a cookie in the file is of this run, changes by others included.
    pub fn knows(&self, cookie: u32) -> bool {
        rank(&self.listed, cookie).is_some()
    }

    pub fn has_history(&self) -> bool {
        self.listed.len() > 1
    }

    pub fn is_newest(&self, cookie: u32) -> bool {
        self.listed.last() == Some(&cookie)
    }

    /// A new cookie that is listed on the disk already, so that it may be set.
    ///
    /// Errors: `Unavailable` when the list cannot be written; on the disk no list is left behind then, rather than a wrong one.
    pub fn next(&mut self) -> Result<u32> {
        let next = random_cookie();
        self.listed.push(next);
        let written = list::write(&self.database, &self.listed);
        if written.is_err() {
            self.listed.pop();
            let _ = list::remove(&self.database);
        }
        written.map(|()| next).map_err(|cause| failure::of_file(&self.database, cause))
    }

    /// The log is empty and the file has the newest cookie: the others are history.
    pub fn prune(&mut self) {
        let older = self.listed.len().saturating_sub(1);
        let newest = self.listed.split_off(older);
        match list::write(&self.database, &newest) {
            Ok(()) => self.listed = newest,
            // A list that is too long is right as well.
            Err(_) => self.listed.extend(newest),
        }
    }

    /// After an orderly end, when no log is left.
    pub fn forget(&self) {
        if !beside(&self.database, "-wal").exists() {
            let _ = list::remove(&self.database);
        }
    }
}

fn random_cookie() -> u32 {
    let number = u32::from_be_bytes(random_bytes::<4>()) >> 1;
    // Room above it as well: SQLite's cookie is signed, and others may add to it.
    number.clamp(LEAST_COOKIE, i32::MAX as u32 - 2 * OUTSIDE_STEPS)
}

fn sync_directory_of(file: &Path) -> io::Result<()> {
    fs::File::open(file.parent().unwrap_or(file))?.sync_all()
}

/// At most that much of a file of ours.
fn read_small(path: &Path, most_bytes: u64) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(most_bytes).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_judged_by_the_cookies() {
        let (a, b) = (5_000_000, 9_000_000);
        let stale = |listed: &[u32], main, log: &[u32]| matches!(judge(listed, main, true, log), Verdict::Stale(_));
        let check =
            |main, log: &[u32], expected| assert_eq!(judge(&[a, b], main, true, log), expected, "{main} {log:?}");
        check(a, &[], Verdict::Belongs);
        check(a, &[a, b], Verdict::Belongs);
        check(b, &[b], Verdict::Belongs);
        check(b, &[a, b], Verdict::Belongs);
        check(a, &[a, a + 1, b], Verdict::Belongs);
        check(a + 1, &[a, a + 1], Verdict::Unclear);
        check(b + 3, &[], Verdict::Unclear);
        assert!(stale(&[a, b], 1, &[]), "`.backup` into a new file");
        assert!(stale(&[a, b], 7_000_000, &[b]), "a copy of another run");
        assert!(stale(&[a, b], b, &[a]), "the database is ahead of its log");
        assert!(stale(&[a, b], a + 1, &[a]), "a vacuumed copy");
        assert!(stale(&[a, b], a, &[8_000_000]), "a log of another run");
        assert!(matches!(judge(&[a], a, false, &[a]), Verdict::Stale(_)), "`VACUUM INTO`");
    }

    #[test]
    fn cookies_of_ours_leave_room_on_both_sides() {
        for _ in 0..10_000 {
            let cookie = random_cookie();
            assert!(cookie >= LEAST_COOKIE && i32::try_from(cookie + OUTSIDE_STEPS).is_ok());
        }
    }
}
