//! Which rows of messages were written or deleted over our own connection, for those who follow after the fact.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::Action;

use crate::domain::Result;

/// Rows that are remembered; past them everything has to be looked at.
const REMEMBERED: usize = 10_000;

/// What has changed since it was last taken. A transaction that failed afterwards left rows in it all the same.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Written, by `rowid`.
    pub rows: HashSet<i64>,
    pub any_deleted: bool,
    /// There is more than was remembered.
    pub is_incomplete: bool,
}

#[derive(Default)]
pub struct Changes(Mutex<Changed>);

impl Changes {
    /// Notes what this connection does from now on. What happened before is not known.
    pub fn follow(self: &Arc<Self>, conn: &mut Connection) -> Result<()> {
        self.changed().is_incomplete = true;
        let changes = self.clone();
        let note = move |action: Action, _: &str, table: &str, row: i64| {
            if table == "messages" {
                changes.note(action == Action::SQLITE_DELETE, row);
            }
        };
        Ok(conn.update_hook(Some(note))?)
    }

    fn note(&self, is_deleted: bool, row: i64) {
        let mut changed = self.changed();
        if is_deleted {
            changed.any_deleted = true;
        } else if changed.rows.len() < REMEMBERED {
            changed.rows.insert(row);
        } else {
            changed.is_incomplete = true;
        }
    }

    pub fn take(&self) -> Changed {
        std::mem::take(&mut self.changed())
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
