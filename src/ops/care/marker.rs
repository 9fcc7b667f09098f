//! A file that is there while a server runs: found at a start, it says that the last one did not stop in order.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

pub struct Marker {
    path: PathBuf,
    /// Whether one was there already.
    pub was_there: bool,
}

impl Marker {
    /// Without one we serve all the same: then a crash is not noticed.
    pub fn set(directory: &Path) -> Self {
        let path = directory.join("portagent.running");
        let was_there = path.exists();
        let made = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
        if let Err(cause) = made.and_then(|file| file.sync_all()) {
            log::warn!(target: "ops", "cannot write {}: {cause}", path.display());
        }
        Self { path, was_there }
    }

    /// The stop was in order.
    pub fn remove(self) {
        let _ = fs::remove_file(self.path); // what stays costs one integrity check
    }
}
