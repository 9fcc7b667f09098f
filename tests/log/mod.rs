//! The log: written by many threads, rotated by us and by others, killed, on a full disk; and read back.

mod command;
mod follow;
mod kill;
mod level;
mod others;
mod security;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a log, oldest first, by the names that rotation gives them.
fn files(log: &Path, most: u32) -> Vec<PathBuf> {
    let archive = |n: u32| PathBuf::from(format!("{}.{n}", log.display()));
    (1..most).rev().map(archive).chain([log.to_owned()]).filter(|path| path.exists()).collect()
}

/// All lines of these files, in order.
fn lines(files: &[PathBuf]) -> Vec<String> {
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    files.iter().flat_map(read).collect()
}
