//! The search index: `search.db`, a third database that holds nothing of its own. It is filled from the conversations
//! after the fact, may be deleted at any time, is in no backup, and every hit is checked against the conversations before
//! it is shown: what it does not know yet is not found, and what it knows too much does no harm.
//!
//! Messages are numbered as they are indexed. So many of them share one full-text table, and a search goes through the
//! tables from the newest, so that a common word fills its page from the first and a rare one costs a look into each:
//! neither grows with what is stored.

mod fill;
mod find;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use find::{Found, Hit};
pub use words::{Piece, Query};

use crate::domain::{Error, Result};
use crate::store::engine::Store;
use crate::store::sqlite::header::beside;
use crate::store::sqlite::{open, rows};
use fill::Filling;

/// Messages in one table.
const MESSAGES_PER_TABLE: i64 = 20_000;
/// Another number of the schema, or of how words are made: the index is made anew.
const VERSION: i64 = 1;
const SCHEMA: &str = "
CREATE TABLE owners (owner INTEGER PRIMARY KEY, containerId TEXT NOT NULL UNIQUE);
CREATE TABLE docs (doc INTEGER PRIMARY KEY AUTOINCREMENT, messageId TEXT NOT NULL UNIQUE, digest INTEGER NOT NULL);";

pub struct SearchIndex {
    store: Arc<Store>,
    path: PathBuf,
    filling: Mutex<Filling>,
    /// One search at a time: it takes milliseconds.
    asking: Mutex<Option<Connection>>,
    /// Everything that is stored was looked at since the start.
    is_complete: AtomicBool,
}

impl SearchIndex {
    /// Opens nothing yet.
    pub fn of(store: Arc<Store>) -> Self {
        let path = store.directory().join("data/search.db");
        Self { store, path, filling: Mutex::default(), asking: Mutex::default(), is_complete: AtomicBool::new(false) }
    }

    /// Whether everything that is stored was looked at since the start.
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Relaxed)
    }

    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asking(&self) -> MutexGuard<'_, Option<Connection>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table of a message, by its number.
fn table_of(doc: i64) -> i64 {
    doc / MESSAGES_PER_TABLE
}

/// A word that no text has, and every message of this owner.
fn owner_word(owner: i64) -> String {
    format!("\u{E000}{owner}")
}

/// Opens the index to write, and makes it where there is none or one that cannot be used.
fn open_or_make(path: &Path) -> Result<Connection> {
    match open_existing(path) {
        Ok(Some(conn)) => return Ok(conn),
        Ok(None) => {}
        Err(error) => log::warn!(target: "store", "search.db is made anew: {}", error.with_cause()),
    }
    remove(path)?;
    let conn = connect(path)?;
    conn.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"))?;
    Ok(conn)
}

fn open_existing(path: &Path) -> Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let conn = connect(path)?;
    Ok(is_ours(&conn)?.then_some(conn))
}

fn is_ours(conn: &Connection) -> Result<bool> {
    Ok(rows::value::<i64>(conn, "PRAGMA user_version", [])? == VERSION)
}

fn connect(path: &Path) -> Result<Connection> {
    open::private_file(path)?;
    let conn = open::writer(path)?;
    open::prepare_writer(&conn)?;
    // What a power cut takes from it is found missing and added again.
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(conn)
}

/// Errors: `Unavailable` when a file cannot be removed.
fn remove(path: &Path) -> Result<()> {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(&file) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(
                    Error::unavailable("search_unavailable", "The search index cannot be written").source(cause)
                );
            }
            _ => {}
        }
    }
    Ok(())
}
