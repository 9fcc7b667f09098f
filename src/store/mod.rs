//! SQLite: the only room that knows it. A public method is one transaction.
//!
//! Its rooms, from the bottom: `sqlite`, `files`, `engine`, `tables`, `v19`, `migrations`; then `care` and `salvage`,
//! which work beside a [`Store`]. Here is what the other rooms of the program see.

pub mod care;
mod engine;
mod files;
mod migrations;
pub mod salvage;
mod search;
mod sqlite;
mod tables;
#[cfg(test)]
mod tests;
mod v19;

use std::path::Path;

pub use care::inspect;
pub use care::offline_check::{
    Inspected, Inspection, inspect, recorded_administrators, recorded_job, recorded_providers, recorded_since,
};
pub use engine::Store;
pub use engine::database::{DatabaseFiles, Watcher};
pub use files::key::kept_key;
pub use files::lock::DirectoryLock;
pub use files::snapshot::stamp;
pub use files::{copy, has_data, replace_data, settle_if_free};
pub use search::{Found, Hit, Piece, Query, SearchIndex};
pub use tables::branches::{Asked, BranchChange, BranchTurn};
pub use tables::budgets::BudgetRow;
pub use tables::conversations::DeletedCounts;
pub use tables::exported::StoredMessage;
pub use tables::files::StoredFile;
pub use tables::imported::{ImportOutcome, Imported, ImportedTurn};
pub use tables::invites::Invite;
pub use tables::jobs::JobRecord;
pub use tables::ledger::{OpenRequest, Outcome, Request as LedgerRequest, Reservation, Reserved, Settlement};
pub use tables::messages::{Position, StoredPage};
pub use tables::own_account::LoginRow;
pub use tables::people::Belongings;
pub use tables::preambles::PreambleRow;
pub use tables::retention::{Forgotten, Idle};
pub use tables::tools::ConversationTools;
pub use tables::turn_row::TurnRow;
pub use tables::turns::{Begun, NewTurn, Question, Reopen};
pub use tables::usage::{Group, GroupBy, Range, Sums};
pub use tables::users::{Admission, Credentials, UserPage};

/// How parts of messages and counts of tokens are written, wherever they are stored.
pub mod stored_form {
    pub use super::tables::content::{read_part, read_usage};
}

use crate::domain::Result;
use engine::database::Database;
use engine::preflight;
use engine::quota::Quota;
use files::wal_ownership;
use sqlite::open;

impl Store {
    /// Opens the data directory beside a server or without one, making what is missing, private to its owner.
    ///
    /// Errors: `Unavailable`, naming the file, when it cannot be used, is damaged or was written by a newer program;
    /// then neither database was changed.
    pub fn open(directory: &Path) -> Result<Self> {
        // A running server has checked the files, and they are in use.
        match DirectoryLock::take_if_free(directory)? {
            Some(lock) => Self::open_locked(directory, &lock, false),
            None => Self::open_files(directory),
        }
    }

    /// The same for the server that holds the lock: from now on changes of the files under it are noticed. `anew`: a
    /// database may be missing although the other one has content.
    pub fn serve(directory: &Path, lock: &DirectoryLock, anew: bool) -> Result<Self> {
        let store = Self { lock: Some(lock.clone()), ..Self::open_locked(directory, lock, anew)? };
        store.accounts.serve()?;
        store.agent.serve()?;
        Ok(store)
    }

    fn open_locked(directory: &Path, _lock: &DirectoryLock, anew: bool) -> Result<Self> {
        let data = directory.join("data");
        let (accounts, agent) = (data.join("portagent.db"), data.join("agentx.db"));
        replace_data::finish(directory)?;
        let both = [(&accounts, &migrations::PORTAGENT), (&agent, &migrations::AGENTX)];
        both.iter().try_for_each(|(path, _)| preflight::look_at_header(path))?;
        wal_ownership::settle_both(directory)?;
        both.iter().try_for_each(|(path, schema)| preflight::look_inside(path, schema))?;
        for (path, other, table) in [(&accounts, &agent, "messages"), (&agent, &accounts, "users")] {
            if !anew {
                preflight::check_not_lost(path, other, table)?;
            }
        }
        Self::open_files(directory)
    }

    fn open_files(directory: &Path) -> Result<Self> {
        let data = directory.join("data");
        for private in [directory, &data, &directory.join("logs")] {
            open::private_dir(private)?;
        }
        Ok(Self {
            accounts: Database::open(&data.join("portagent.db"), &migrations::PORTAGENT)?,
            agent: Database::open(&data.join("agentx.db"), &migrations::AGENTX)?,
            directory: directory.to_owned(),
            lock: None,
            quota: Quota::default(),
        })
    }
}
