//! The archives of a directory, and which of them are too old to be kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::owner;
use super::{Made, name};
use crate::domain::{Error, Result, clock};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What lies further ahead than this is of the future, in milliseconds.
const AHEAD_MS: i64 = 60 * 1000;

/// An archive as its directory shows it; whether it is good, only [`super::super::archive::verify`] knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub path: PathBuf,
    pub bytes: u64,
    /// From its name, in milliseconds since 1970.
    pub made_at: i64,
    pub is_encrypted: bool,
    number: u32,
}

/// The archives that carry our names, newest first; those of the future come last, because a wrong clock made them. A
/// directory that is not there has none.
///
/// Errors: `Unavailable` when it cannot be read.
pub fn list(directory: &Path) -> Result<Vec<Listed>> {
    list_at(directory, clock::now_ms())
}

fn list_at(directory: &Path, now: i64) -> Result<Vec<Listed>> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|cause| {
            Error::unavailable("cannot_look", format!("cannot read {}: {cause}", directory.display()))
        })?,
    };
    let mut found: Vec<Listed> = entries.flatten().filter_map(|entry| listed(&entry)).collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.made_at <= now + AHEAD_MS, one.made_at, one.number)));
    Ok(found)
}

/// The newest archive. One of the future counts only where there is no other.
///
/// Errors: those of [`list`].
pub fn latest(directory: &Path) -> Result<Option<Listed>> {
    Ok(list(directory)?.into_iter().next())
}

fn listed(entry: &fs::DirEntry) -> Option<Listed> {
    let (made_at, number, is_encrypted) = name::parse(entry.file_name().to_str()?)?;
    let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?; // of a link: the link's own
    Some(Listed { path: entry.path(), bytes: metadata.len(), made_at, is_encrypted, number })
}

/// Removes archives that are older than so many days, never the one that was just made, and never what
/// does not carry our name. 0 days: all are kept. One without accounts in it removes nothing: it may be that of an
/// empty directory, mounted by mistake. Returns what was removed.
pub fn remove_old(directory: &Path, made: &Made, days: u32, now: i64) -> Vec<PathBuf> {
    if days > 0 && made.report.manifest.rows("users") == 0 {
        log::warn!(target: "backup", "the new backup has no accounts in it: no older one is removed");
        return Vec::new();
    }
    owner::with_own_rights(|| remove_older(directory, &made.path, days, now))
}

fn remove_older(directory: &Path, made: &Path, days: u32, now: i64) -> Vec<PathBuf> {
    let oldest = now.saturating_sub(i64::from(days) * DAY_MS);
    let archives = match list(directory) {
        Ok(archives) if days > 0 => archives,
        _ => return Vec::new(),
    };
    let mut removed = Vec::new();
    let is_old = |archive: &Listed| archive.made_at < oldest && archive.path != made;
    for old in archives.into_iter().filter(is_old) {
        match fs::remove_file(&old.path) {
            Ok(()) => {
                log::info!(target: "backup", "removed {}, which is older than {days} days", old.path.display());
                removed.push(old.path);
            }
            Err(cause) => log::warn!(target: "backup", "cannot remove {}: {cause}", old.path.display()),
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T02:00:00Z.
    const NOW: i64 = 1_795_485_600_000;

    fn names(directory: &Path) -> Vec<String> {
        list_at(directory, NOW)
            .unwrap()
            .iter()
            .map(|one| one.path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn the_newest_comes_first_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let old = ["portagent-20261001-020000.tar.gz", "portagent-20261024-015959.tar.gz.age"];
        let kept = ["portagent-20261025-020000-10.tar.gz", "portagent-20261025-020000-9.tar.gz"];
        let not_ours = ["backup-20200101_000000.tar.gz", "portagent-20200101-000000.tar.gz.txt", "notes"];
        for name in old.iter().chain(&kept).chain(&not_ours) {
            fs::write(home.path().join(name), "x").unwrap();
        }
        fs::create_dir(home.path().join("portagent-20200101-000000.tar.gz")).unwrap();
        std::os::unix::fs::symlink("notes", home.path().join("portagent-20200102-000000.tar.gz")).unwrap();
        assert_eq!(names(home.path()), [kept[0], kept[1], old[1], old[0]]);
        let made = home.path().join(kept[0]);
        assert!(remove_older(home.path(), &made, 0, NOW).is_empty());
        assert_eq!(remove_older(home.path(), &made, 30, NOW).len(), 2);
        assert_eq!(names(home.path()), kept);
        assert_eq!(remove_older(home.path(), &made, 1, NOW).len(), 1, "all but the newest");
        assert_eq!(names(home.path()), [kept[0]]);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 6, "what is not ours is still there");
        assert_eq!(list(&home.path().join("none")).unwrap(), []);
    }

    #[test]
    fn an_archive_of_the_future_is_not_the_latest() {
        let home = tempfile::tempdir().unwrap();
        let latest = || list_at(home.path(), NOW).unwrap().first().map(|one| one.made_at);
        assert_eq!(latest(), None);
        fs::write(home.path().join("portagent-20380201-010000.tar.gz"), "x").unwrap();
        assert!(latest() > Some(NOW), "better than none");
        fs::write(home.path().join("portagent-20261123-020000.tar.gz"), "x").unwrap();
        fs::write(home.path().join("portagent-20261122-020000.tar.gz"), "x").unwrap();
        assert_eq!(latest(), Some(NOW - DAY_MS));
    }
}
