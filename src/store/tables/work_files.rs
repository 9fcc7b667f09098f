//! How many bytes the files of each conversation's agent hold: they count like its messages. What we write is counted
//! in the transaction that gives it its name; what others write or delete, when it is measured.

use rusqlite::{Connection, params};

use super::stored;
use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::{Error, Result};
use crate::store::engine::Store;
use crate::store::sqlite::rows;
use crate::workdirs::Draft;

const OF_CONVERSATION: &str = "sessionId = (SELECT sessionId FROM images WHERE containerId = ?1 AND imageId = ?2)";

impl Store {
    /// Gives a file in a work directory its name, where its owner has room for it.
    ///
    /// Errors: `TooLarge`, [`Code::QUOTA_EXCEEDED`](crate::domain::Code::QUOTA_EXCEEDED); `NotFound` where the
    /// conversation is gone; `Unavailable`.
    pub fn keep_work_file(&self, owner: &ContainerId, conversation: &ConversationId, draft: Draft) -> Result<()> {
        let (owner, conversation, most) = (owner.clone(), conversation.clone(), self.quota.bytes());
        self.agent.write(move |conn| {
            let growth = draft.growth()?;
            if let Ok(more @ 1..) = u64::try_from(growth) {
                stored::check_room(conn, &owner, more, most)?;
            }
            let sql = format!("UPDATE sessions SET fileBytes = max(0, fileBytes + ?3) WHERE {OF_CONVERSATION}");
            if rows::change(conn, &sql, params![owner, conversation, growth])? == 0 {
                return Err(Error::not_found("Conversation"));
            }
            draft.keep()
        })
    }

    /// How many bytes count. Errors: `NotFound`.
    pub fn file_bytes(&self, owner: &ContainerId, conversation: &ConversationId) -> Result<u64> {
        self.agent.read(|conn| file_bytes(conn, owner, conversation))
    }

    /// Corrects what counts to what was measured, unless it has changed since `before` was read, as a file that was
    /// written meanwhile would be lost.
    pub fn set_file_bytes(
        &self,
        owner: &ContainerId,
        conversation: &ConversationId,
        before: u64,
        measured: u64,
    ) -> Result<()> {
        if before == measured {
            return Ok(());
        }
        let (owner, conversation) = (owner.clone(), conversation.clone());
        self.agent.write(move |conn| {
            let sql = format!("UPDATE sessions SET fileBytes = ?4 WHERE {OF_CONVERSATION} AND fileBytes = ?3");
            let (before, measured) = (stored::signed(before), stored::signed(measured));
            rows::change(conn, &sql, params![owner, conversation, before, measured]).map(drop)
        })
    }

    /// The conversations of an owner whose files count.
    pub fn conversations_with_files(&self, owner: &ContainerId) -> Result<Vec<ConversationId>> {
        let sql = "SELECT imageId FROM sessions WHERE containerId = ?1 AND fileBytes <> 0";
        self.agent.read(|conn| rows::all(conn, sql, [owner], |row| row.get(0)))
    }
}

fn file_bytes(conn: &Connection, owner: &ContainerId, conversation: &ConversationId) -> Result<u64> {
    let sql = format!("SELECT fileBytes FROM sessions WHERE {OF_CONVERSATION}");
    let bytes: i64 = rows::found(conn, &sql, params![owner, conversation], |row| row.get(0), "Conversation")?;
    Ok(bytes.try_into().unwrap_or(0))
}
