//! The key that signs tokens: made once, kept in the data directory, private to its owner.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::domain::id::{hex, random_bytes};
use crate::domain::secret::Secret;
use crate::domain::{Error, Result};
use crate::store::sqlite::open;

const FILE: &str = "jwt-secret";
/// Twice as many as HS256 needs.
const KEY_BYTES: usize = 64;
/// A key file larger than this is none of ours.
const MOST_FILE_BYTES: u64 = 4096;

/// The kept key of a directory, or a new one that is on the disk before it is used.
///
/// Errors: `Unavailable` when the file cannot be read or written.
pub fn kept_or_new_key(directory: &Path) -> Result<Secret> {
    let path = directory.join(FILE);
    if path.exists() {
        open::restrict(&path, 0o600)?;
    }
    let key = match read(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => make(&path).and_then(|()| read(&path)),
        other => other,
    };
    let key = key.map_err(|cause| not_usable(&path, &cause))?;
    if key.is_empty() {
        return Err(Error::unavailable("key_empty", format!("{} is empty", path.display()))
            .hint("remove it: a new key is made, and everybody logs in again"));
    }
    Ok(Secret::new(key))
}

/// The key that is kept in a directory, where there is one. Nothing is made.
///
/// Errors: `Unavailable` when the file cannot be read.
pub fn kept_key(directory: &Path) -> Result<Option<Secret>> {
    let path = directory.join(FILE);
    match read(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        other => other
            .map(|key| Some(key).filter(|key| !key.is_empty()).map(Secret::new))
            .map_err(|cause| not_usable(&path, &cause)),
    }
}

fn not_usable(path: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable("key_not_usable", format!("cannot use {}: {cause}", path.display()))
        .hint("give the user that runs portagent this file, or set JWT_SECRET")
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut key = String::new();
    File::open(path)?.take(MOST_FILE_BYTES).read_to_string(&mut key)?;
    Ok(key.trim().to_owned())
}

/// Written whole under another name first: the first process wins, and half a key is never read.
fn make(path: &Path) -> std::io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(hex(&random_bytes::<KEY_BYTES>()).as_bytes())?;
    file.sync_all()?;
    let named = fs::hard_link(&partial, path).or_else(|cause| match cause.kind() {
        ErrorKind::AlreadyExists => Ok(()),
        _ => fs::rename(&partial, path),
    });
    let _ = fs::remove_file(&partial);
    named
}
