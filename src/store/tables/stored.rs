//! How much a person has stored, in bytes, and whether more may come: counted per conversation in the transaction that
//! writes, so that what is deleted with a conversation is given back with it, also by other programs.

use rusqlite::{Connection, params};

use crate::domain::bytes::human;
use crate::domain::id::{ContainerId, MessageId, SessionId};
use crate::domain::{Code, Error, Kind, Result};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// What a conversation, and each message in it, counts beside its text, in bytes: ids, numbers, indexes. The same number
/// stands in the triggers of the schema.
pub const ROW_BYTES: usize = 512;
/// Conversations whose count is corrected in one transaction.
const RECOUNTED_AT_ONCE: usize = 50;

/// What the rows of a session hold. The same formula stands in the schema's third step.
const HELD: &str = "coalesce((SELECT 512 + octet_length(name) + coalesce(octet_length(description), 0) \
                    + coalesce(octet_length(systemPrompt), 0) FROM images WHERE images.imageId = sessions.imageId), 0) \
                    + (SELECT coalesce(sum(512 + octet_length(content)), 0) FROM messages \
                    WHERE messages.sessionId = sessions.sessionId)";
/// Whose count is wrong, or goes to another owner's account.
const WRONG: &str = "EXISTS (SELECT 1 FROM images WHERE images.sessionId = sessions.sessionId \
                     AND images.containerId <> sessions.containerId) OR storedBytes <> ";

impl Store {
    /// The most that each person may store from now on, in bytes; 0: no limit.
    pub fn limit_stored(&self, most: u64) {
        self.quota.set(most);
    }

    /// What a person has stored, rows and files together, in bytes.
    pub fn stored_bytes(&self, owner: &ContainerId) -> Result<u64> {
        self.agent.read(|conn| of_owner(conn, owner))
    }

    /// Whether a person may store so many bytes more. What is stored in a row asks [`check_room`] in its own transaction.
    ///
    /// Errors: `TooLarge`, [`Code::QUOTA_EXCEEDED`].
    pub fn check_room(&self, owner: &ContainerId, more: u64) -> Result<()> {
        let most = self.quota.bytes();
        if most == 0 { Ok(()) } else { self.agent.read(|conn| check_room(conn, owner, more, most)) }
    }

    /// Corrects what another program has changed without our triggers. Returns how many conversations that were.
    pub fn recount_stored(&self) -> Result<usize> {
        let wrong: Vec<SessionId> = self.agent.read(wrong)?;
        for some in wrong.chunks(RECOUNTED_AT_ONCE) {
            let some = some.to_vec();
            self.agent.write(move |conn| some.iter().try_for_each(|session| recount_one(conn, session)))?;
        }
        Ok(wrong.len())
    }
}

/// In the transaction that stores so many bytes more. `most` is that of [`Store::limit_stored`].
///
/// Errors: `TooLarge`, [`Code::QUOTA_EXCEEDED`].
pub fn check_room(conn: &Connection, owner: &ContainerId, more: u64, most: u64) -> Result<()> {
    if most == 0 {
        return Ok(());
    }
    check_sum(of_owner(conn, owner)?, more, most)
}

/// The same where it is known how much is stored.
pub fn check_sum(stored: u64, more: u64, most: u64) -> Result<()> {
    if most == 0 || stored.saturating_add(more) <= most {
        return Ok(());
    }
    let message = format!("Your storage is full: {} of {} are used", human(stored), human(most));
    Err(Error::new(Kind::TooLarge, Code::QUOTA_EXCEEDED, message)
        .hint("Delete conversations or files that you no longer need, or ask the administrator for more room"))
}

/// All that counts.
pub fn of_owner(conn: &Connection, owner: &ContainerId) -> Result<u64> {
    let sql = "SELECT (SELECT coalesce(sum(storedBytes + fileBytes), 0) FROM sessions WHERE containerId = ?1) \
               + (SELECT coalesce(sum(size), 0) FROM files WHERE containerId = ?1)";
    rows::count(conn, sql, [owner])
}

/// What a message that is stored already counts.
pub fn of_message(conn: &Connection, id: &MessageId) -> Result<Option<i64>> {
    let sql = "SELECT octet_length(content) FROM messages WHERE messageId = ?1";
    let bytes: Option<i64> = rows::first(conn, sql, [id], |row| row.get(0))?;
    Ok(bytes.map(|bytes| bytes.saturating_add(ROW_BYTES as i64)))
}

/// The rows of a session hold so many bytes more, or fewer.
pub fn change(conn: &Connection, session: &SessionId, by: i64) -> Result<()> {
    if by == 0 {
        return Ok(());
    }
    let sql = "UPDATE sessions SET storedBytes = storedBytes + ?2 WHERE sessionId = ?1";
    rows::change(conn, sql, params![session, by]).map(drop)
}

/// Counts every session anew. Returns how many were wrong.
pub fn recount_all(conn: &Connection) -> Result<usize> {
    let wrong = wrong(conn)?;
    wrong.iter().try_for_each(|session| recount_one(conn, session))?;
    Ok(wrong.len())
}

/// How many sessions have a wrong count.
pub fn count_wrong(conn: &Connection) -> Result<u64> {
    rows::count(conn, &format!("SELECT count(*) FROM sessions WHERE {WRONG} {HELD}"), [])
}

fn wrong(conn: &Connection) -> Result<Vec<SessionId>> {
    rows::all(conn, &format!("SELECT sessionId FROM sessions WHERE {WRONG} {HELD}"), [], |row| row.get(0))
}

fn recount_one(conn: &Connection, session: &SessionId) -> Result<()> {
    let sql = format!(
        "UPDATE sessions SET storedBytes = {HELD}, containerId = coalesce((SELECT containerId FROM images \
         WHERE images.sessionId = sessions.sessionId), containerId) WHERE sessionId = ?1"
    );
    rows::change(conn, &sql, [session]).map(drop)
}

pub fn signed(bytes: impl TryInto<i64>) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}
