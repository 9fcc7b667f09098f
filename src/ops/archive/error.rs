//! What can be wrong with an archive, in words.

use std::io;

use crate::domain::Error;

pub fn damaged(how: &str) -> Error {
    Error::unavailable("archive_damaged", format!("the archive is damaged: {how}"))
        .hint("`portagent backup list` shows other backups, and `portagent backup verify` whether they are whole")
}

pub fn too_new(what: &str, version: &str) -> Error {
    Error::unavailable(
        "archive_too_new",
        format!("the archive was made by portagent {}: {what}", shown(version.as_bytes())),
    )
    .hint("install that version or a newer one")
}

pub fn not_ours() -> Error {
    Error::unavailable("not_an_archive", "this is no backup made by portagent, or not a whole one")
        .hint("`portagent backup list` shows the backups there are")
}

pub fn unreadable(cause: io::Error) -> Error {
    Error::unavailable("archive_unreadable", format!("the archive cannot be read: {cause}"))
}

/// A name from inside an archive, safe to print.
pub fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(100).flat_map(char::escape_debug).collect()
}
