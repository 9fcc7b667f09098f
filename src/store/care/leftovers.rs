//! Files left behind: what a killed run had begun, and what is kept as a way back.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::counted;
use crate::domain::finding::{Finding, Level};
use crate::domain::{Error, Result};

/// A `*.partial` younger than this may still be in use.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
/// Where our programs leave files, below the data directory.
const PLACES: &[&str] = &["", "data", "data/snapshots", "backups"];

/// What lies about.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Begun and abandoned: worth nothing.
    pub abandoned: Vec<PathBuf>,
    pub findings: Vec<Finding>,
}

/// Looks for them.
pub fn leftovers(directory: &Path) -> Leftovers {
    let (mut partial, mut stale, mut snapshots) = (Pile::default(), Pile::default(), Pile::default());
    for place in PLACES {
        for (path, metadata) in entries(&directory.join(place)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".partial") {
                if is_old(&metadata) {
                    partial.add(path, &metadata);
                }
            } else if name.contains("-wal.stale-") {
                stale.add(path, &metadata);
            } else if *place == "data/snapshots" || name.contains(".recovered-") {
                snapshots.add(path, &metadata);
            }
        }
    }
    let findings = vec![
        partial.finding("abandoned_files", Level::Warn, "half-written files of a run that was killed"),
        stale.finding(
            "stale_wals",
            Level::Warn,
            "write-ahead logs of replaced databases, set aside; remove them when all is well",
        ),
        snapshots.finding(
            "snapshots",
            Level::Pass,
            "snapshots and recovered copies; remove those that are no longer needed",
        ),
    ];
    Leftovers { abandoned: partial.paths, findings }
}

/// Removes what was abandoned. Returns how many.
///
/// Errors: `Unavailable`, naming the file that stays.
pub fn sweep(leftovers: &Leftovers) -> Result<u64> {
    for path in &leftovers.abandoned {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::unavailable("not_removable", format!("cannot remove {}: {cause}", path.display())));
            }
            _ => {}
        }
    }
    Ok(leftovers.abandoned.len() as u64)
}

#[derive(Default)]
struct Pile {
    paths: Vec<PathBuf>,
    bytes: u64,
}

impl Pile {
    fn add(&mut self, path: PathBuf, metadata: &Metadata) {
        self.paths.push(path);
        self.bytes += metadata.len();
    }

    fn finding(&self, name: &'static str, level: Level, what: &str) -> Finding {
        let count = self.paths.len() as u64;
        let mut message = format!("{count} {what}");
        if let Some(first) = self.paths.first() {
            message.push_str(&format!(" ({} KiB), such as {}", self.bytes >> 10, first.display()));
        }
        counted("data directory", name, level, count, message)
    }
}

fn entries(place: &Path) -> Vec<(PathBuf, Metadata)> {
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let mut found: Vec<_> =
        entries.flatten().filter_map(|entry| Some((entry.path(), entry.metadata().ok()?))).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// A clock that jumped makes nothing old.
fn is_old(metadata: &Metadata) -> bool {
    metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED_AFTER)
}
