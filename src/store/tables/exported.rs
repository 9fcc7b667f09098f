//! Messages as they leave the service: every row, with its content in the JSON of its column.

use rusqlite::{Row, params};

use super::content;
use super::files::{self, StoredFile};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::message::Part;
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Messages read at once, and their bytes: nothing is held in the database while they are passed on.
const PAGE_MESSAGES: usize = 200;
const PAGE_BYTES: usize = 1024 * 1024;

/// A row. Its texts are as they are stored, mended by hand or not.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    pub id: String,
    pub turn_id: Option<String>,
    pub role: String,
    pub status: String,
    pub model: Option<String>,
    pub stop_reason: Option<String>,
    pub timestamp: i64,
    /// JSON.
    pub usage: Option<String>,
    /// JSON: the parts.
    pub content: String,
    position: i64,
}

impl StoredMessage {
    pub fn parts(&self) -> Vec<Part> {
        content::read(&self.content)
    }
}

impl Store {
    /// The messages of a conversation behind `last`, oldest first, also those that were replaced by a later attempt: as
    /// many as are read at once, none at the end.
    pub fn messages_behind(
        &self,
        conversation: &Conversation,
        last: Option<&StoredMessage>,
    ) -> Result<Vec<StoredMessage>> {
        let sql = "SELECT messageId, turnId, role, status, model, stopReason, timestamp, usage, content, position \
                   FROM messages WHERE sessionId = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        let behind = last.map_or(i64::MIN, |last| last.position);
        self.agent.read(|conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let mut rows = statement.query(params![conversation.session_id, behind, PAGE_MESSAGES as i64])?;
            let (mut page, mut bytes) = (Vec::new(), 0);
            while bytes < PAGE_BYTES
                && let Some(row) = rows.next()?
            {
                let message = stored_message(row)?;
                bytes += message.content.len();
                page.push(message);
            }
            Ok(page)
        })
    }

    /// A page of the files that its messages carry, by id, behind `after`.
    pub fn files_of_conversation(
        &self,
        conversation: &Conversation,
        after: &str,
        limit: usize,
    ) -> Result<Vec<StoredFile>> {
        let sql = format!(
            "SELECT {} FROM files WHERE containerId = ?1 AND fileId > ?2 AND fileId IN (SELECT mf.fileId \
             FROM message_files mf JOIN messages m ON m.messageId = mf.messageId WHERE m.sessionId = ?3) \
             ORDER BY fileId LIMIT ?4",
            files::COLUMNS
        );
        let Conversation { container_id, session_id, .. } = conversation;
        let params = params![container_id, after, session_id, limit as i64];
        self.agent.read(|conn| rows::all(conn, &sql, params, files::stored_file))
    }
}

fn stored_message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        id: row.get(0)?,
        turn_id: row.get(1)?,
        role: row.get(2)?,
        status: row.get(3)?,
        model: row.get(4)?,
        stop_reason: row.get(5)?,
        timestamp: row.get(6)?,
        usage: row.get(7)?,
        content: row.get(8)?,
        position: row.get(9)?,
    })
}
