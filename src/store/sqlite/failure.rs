//! SQLite's errors → messages that can be shown, with the way out.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use super::programs::Program;
use crate::domain::{Error, Kind};

/// The ways out of damage.
pub const DAMAGED: &str = "Stop the server; `portagent restore FILE` puts a backup in its place, \
                                  `portagent db recover` makes a new file of what can still be read";

/// What the system says about a file beside a database.
pub fn of_file(path: &Path, cause: io::Error) -> Error {
    let (name, message, hint) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("disk_full", "The disk is full: nothing can be stored", "Free some space; no restart is needed")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => (
            "database_not_writable",
            "The data directory cannot be written",
            "Make the data directory writable for the user that runs portagent",
        ),
        _ => ("disk_failure", "The disk reports an error", "Look at the system's log and at the disk's health"),
    };
    let cause = format!("{}: {cause}", path.display());
    Error::new(Kind::Unavailable, name, message).hint(hint).retry_after(Duration::from_secs(5)).source(cause)
}

/// The cause goes along for the log.
impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        translated(cause)
    }
}

fn translated(cause: rusqlite::Error) -> Error {
    let Some(code) = cause.sqlite_error_code() else {
        return Error::internal(cause);
    };
    let (name, message, hint) = match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            "database_busy",
            "The database is in use by another program",
            "Close the program that holds it, or try again in a moment",
        ),
        ErrorCode::DiskFull => {
            ("disk_full", "The disk is full: nothing can be stored", "Free some space; no restart is needed")
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => (
            "database_not_writable",
            "The database cannot be written",
            "Make the data directory writable for the user that runs portagent",
        ),
        ErrorCode::SystemIoFailure if is_about_shared_memory(&cause) => (
            "no_shared_memory",
            "The file system has no shared memory, which a database needs while it is in use",
            "Put the data directory on a local file system such as ext4, XFS or Btrfs: network shares and some FUSE mounts \
             cannot hold a database",
        ),
        ErrorCode::SystemIoFailure => {
            ("disk_failure", "The disk reports an error", "Look at the system's log and at the disk's health")
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            ("database_damaged", "The database is damaged", DAMAGED)
        }
        _ => return Error::internal(cause),
    };
    Error::new(Kind::Unavailable, name, message).hint(hint).retry_after(Duration::from_secs(5)).source(cause)
}

/// The `-shm` file of the write-ahead log cannot be opened, sized, locked or mapped (https://www.sqlite.org/rescode.html).
fn is_about_shared_memory(cause: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let about = [SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE];
    cause.sqlite_error().is_some_and(|error| about.contains(&error.extended_code))
}

/// A file with triggers, views or virtual tables that we did not make.
pub fn foreign<'a>(file: &Path, programs: impl IntoIterator<Item = &'a Program>) -> Error {
    let names: Vec<String> = programs.into_iter().map(Program::to_string).collect();
    Error::new(
        Kind::Invalid,
        "foreign_schema",
        format!("{} has what portagent did not make: {}", file.display(), names.join(", ")),
    )
    .hint("find out who put it there; once it is removed with DROP in the sqlite3 program, this works")
}
