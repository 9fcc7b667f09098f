//! Removes a tree, however deep it is, while another process may still be writing into it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};

use super::dir::{Dir, next_name};

/// Directories inside each other that are open at once, with two descriptors each. What is deeper moves up first.
const DEPTH: usize = 32;
/// Passes without progress before we give up: another process keeps making new files.
const PASSES: usize = 10;

struct Level {
    dir: Dir,
    list: rustix::fs::Dir,
    /// In the level above.
    name: OsString,
}

impl Level {
    fn of(dir: Dir, name: OsString) -> io::Result<Self> {
        Ok(Self { list: dir.list()?, dir, name })
    }
}

impl Dir {
    /// Removes a file, link, pipe or directory in it, with all that is below. Returns whether it was there.
    pub fn remove_all(&self, name: &OsStr) -> io::Result<bool> {
        match self.unlink(name) {
            Ok(()) => return Ok(true),
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(false),
            Err(cause) if cause.kind() == ErrorKind::IsADirectory => {}
            Err(cause) => return Err(cause),
        }
        let top = self.dir(name)?;
        let mut idle = 0;
        loop {
            idle = if clear(&top)? { 0 } else { idle + 1 };
            match self.remove_dir(name) {
                Err(cause) if cause.kind() == ErrorKind::DirectoryNotEmpty && idle < PASSES => {}
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
                _ => return Ok(true),
            }
        }
    }
}

/// Empties a directory. Returns whether something deep was moved to its top, and waits there.
fn clear(top: &Dir) -> io::Result<bool> {
    let mut has_moved = false;
    let mut open = vec![Level::of(top.try_clone()?, OsString::new())?];
    loop {
        let depth = open.len();
        let Some(level) = open.last_mut() else { return Ok(has_moved) };
        let Some(name) = next_name(&mut level.list)? else {
            let empty = open.pop();
            if let (Some(above), Some(empty)) = (open.last(), empty) {
                unless_changed(above.dir.remove_dir(&empty.name))?;
            }
            continue;
        };
        match level.dir.unlink(&name) {
            Err(cause) if cause.kind() == ErrorKind::IsADirectory => {}
            other => {
                unless_changed(other)?;
                continue;
            }
        }
        if depth >= DEPTH {
            has_moved |= unless_changed(level.dir.move_to(&name, top, &fresh_name()?))?.is_some();
        } else if let Some(dir) = unless_changed(level.dir.dir(&name))? {
            open.push(Level::of(dir, name)?);
        }
    }
}

/// What was changed under our hands is met again in the next pass.
fn unless_changed<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(cause)
            if matches!(
                cause.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn fresh_name() -> io::Result<OsString> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!(".removing-{}", crate::domain::id::hex(&random)).into())
}
