//! Data without an owner: a plain `DELETE FROM users` leaves the conversations and files of that person behind.
//!
//! The two databases are two files, and no transaction spans both. What makes the removal safe is the order in which
//! things come into being: an account is committed in `portagent.db` before anything of theirs is in `agentx.db`. So
//! the lock of `agentx.db` is taken first and the accounts are read after it: every row there by then has an
//! account that we see. The same goes for files: names first, accounts after.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{Which, open_to_change, open_to_read};
use crate::domain::id::ContainerId;
use crate::domain::{Error, Result};
use crate::store::sqlite::rows;
use crate::workdirs::Workdirs;

/// Conversations removed in one transaction: people's commits wait for it.
const IMAGES_PER_COMMIT: usize = 20;
/// Rows that hang in the air, removed in one transaction.
const ROWS_PER_COMMIT: usize = 500;

/// How much there is of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ownerless {
    pub containers: u64,
    pub conversations: u64,
    pub messages: u64,
    pub directories: u64,
    /// Turns and messages whose session is gone.
    pub dangling: u64,
}

impl Ownerless {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was done about it.
pub type Removed = Ownerless;

/// Counts it.
///
/// Errors: `Unavailable` when a database cannot be read.
pub fn ownerless(directory: &Path) -> Result<Ownerless> {
    let agent = open_to_read(&Which::Agentx.path(directory))?;
    let names = directories(directory)?;
    let containers = containers(&agent)?;
    let owners = Owners::open(directory)?;
    let mut found = Ownerless { dangling: dangling(&agent)?, ..Ownerless::default() };
    for container in owners.unknown(containers)? {
        found.containers += 1;
        let (conversations, messages) = sizes(&agent, &container)?;
        found.conversations += conversations;
        found.messages += messages;
    }
    found.directories = owners.unknown(names)?.len() as u64;
    Ok(found)
}

/// Removes it, a little at a time, on a running server too.
///
/// Errors: `Conflict` when `portagent.db` has no accounts at all, because then it is the accounts that are lost.
pub fn remove_ownerless(directory: &Path) -> Result<Removed> {
    let mut agent = open_to_change(&Which::Agentx.path(directory))?;
    let names = directories(directory)?;
    let owners = Owners::open(directory)?;
    if owners.is_empty()? {
        return Err(Error::conflict(
            "no_accounts",
            "portagent.db has no accounts, so all data would be without an owner",
        )
        .hint("bring the accounts back first: `portagent restore FILE` or `portagent db recover portagent`"));
    }
    let mut removed = Removed::default();
    for container in owners.unknown(containers(&agent)?)? {
        remove_container(&mut agent, &owners, &container, &mut removed)?;
    }
    removed.dangling = remove_dangling(&mut agent)?;
    for name in owners.unknown(names)? {
        removed.directories += u64::from(remove_directory(directory, &owners, &name)?);
    }
    Ok(removed)
}

/// Who owns what, as things stand at the moment of the question.
struct Owners(Connection);

impl Owners {
    fn open(directory: &Path) -> Result<Self> {
        open_to_read(&Which::Portagent.path(directory)).map(Self)
    }

    fn is_empty(&self) -> Result<bool> {
        rows::value(&self.0, "SELECT NOT EXISTS (SELECT 1 FROM users)", [])
    }

    fn has(&self, container: &str) -> Result<bool> {
        rows::value(&self.0, "SELECT EXISTS (SELECT 1 FROM users WHERE containerId = ?1)", [container])
    }

    fn unknown(&self, containers: BTreeSet<String>) -> Result<Vec<String>> {
        let mut unknown = Vec::new();
        for container in containers {
            if !self.has(&container)? {
                unknown.push(container);
            }
        }
        Ok(unknown)
    }
}

/// All containers that anything names.
fn containers(agent: &Connection) -> Result<BTreeSet<String>> {
    let sql = "SELECT containerId FROM containers UNION SELECT containerId FROM images";
    rows::all(agent, sql, [], |row| row.get(0))
}

fn sizes(agent: &Connection, container: &str) -> Result<(u64, u64)> {
    let messages = "SELECT count(*) FROM messages WHERE sessionId IN \
                    (SELECT sessionId FROM images WHERE containerId = ?1)";
    let conversations = rows::count(agent, "SELECT count(*) FROM images WHERE containerId = ?1", [container])?;
    Ok((conversations, rows::count(agent, messages, [container])?))
}

/// In transactions of a few conversations each; every one of them asks anew whether there is an owner.
fn remove_container(agent: &mut Connection, owners: &Owners, container: &str, removed: &mut Removed) -> Result<()> {
    loop {
        let transaction = locked(agent)?;
        if owners.has(container)? {
            return Ok(());
        }
        let before = sizes(&transaction, container)?;
        let images = transaction.execute(
            "DELETE FROM images WHERE imageId IN (SELECT imageId FROM images WHERE containerId = ?1 LIMIT ?2)",
            params![container, IMAGES_PER_COMMIT as i64],
        )?;
        let after = sizes(&transaction, container)?;
        let last = images < IMAGES_PER_COMMIT;
        let rows = match last {
            true => transaction.execute("DELETE FROM containers WHERE containerId = ?1", [container]),
            false => Ok(0),
        };
        let rows = rows?;
        transaction.commit()?;
        removed.conversations += before.0 - after.0;
        removed.messages += before.1 - after.1;
        if last {
            removed.containers += u64::from(rows > 0 || images > 0);
            return Ok(());
        }
    }
}

const DANGLING: [&str; 2] = ["turns", "messages"];

/// A turn or a message of a session that no row knows any more, not even a conversation's.
fn dangling_where(table: &str) -> String {
    format!(
        "FROM {table} WHERE sessionId NOT IN (SELECT sessionId FROM sessions) \
         AND sessionId NOT IN (SELECT sessionId FROM images)"
    )
}

fn dangling(agent: &Connection) -> Result<u64> {
    DANGLING.iter().try_fold(0, |sum, table| {
        rows::count(agent, &format!("SELECT count(*) {}", dangling_where(table)), []).map(|count| sum + count)
    })
}

fn remove_dangling(agent: &mut Connection) -> Result<u64> {
    let mut removed = 0;
    for table in DANGLING {
        let these = dangling_where(table);
        let sql = format!("DELETE FROM {table} WHERE rowid IN (SELECT rowid {these} LIMIT {ROWS_PER_COMMIT})");
        loop {
            let transaction = locked(agent)?;
            let rows = transaction.execute(&sql, [])?;
            transaction.commit()?;
            removed += rows as u64;
            if rows < ROWS_PER_COMMIT {
                break;
            }
        }
    }
    Ok(removed)
}

fn locked(agent: &mut Connection) -> Result<Transaction<'_>> {
    Ok(agent.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// Links below `containers/` are the operator's arrangement, and not listed.
fn directories(directory: &Path) -> Result<BTreeSet<String>> {
    Ok(Workdirs::of(directory).containers()?.into_iter().collect())
}

fn remove_directory(directory: &Path, owners: &Owners, name: &str) -> Result<bool> {
    if owners.has(name)? {
        return Ok(false);
    }
    Workdirs::of(directory).remove_container(&ContainerId::from(name.to_owned()))
}
