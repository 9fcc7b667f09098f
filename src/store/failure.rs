//! What SQLite says went wrong → what a person is told, and the way out.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::domain::{Error, Kind};

/// Turns an SQLite error into one of ours; the cause goes along for the log.
pub(super) fn error(cause: rusqlite::Error) -> Error {
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
        ErrorCode::SystemIoFailure => {
            ("disk_failure", "The disk reports an error", "Look at the system's log and at the disk's health")
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            ("database_damaged", "The database is damaged", "Stop the server and restore the last backup")
        }
        _ => return Error::internal(cause),
    };
    Error::new(Kind::Unavailable, name, message).hint(hint).retry_after(Duration::from_secs(5)).source(cause)
}
