//! All that is here of one person: counted, handed out, and taken away.

use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId, UserId};
use crate::domain::user::User;
use crate::store::engine::Store;
use crate::store::sqlite::failure;

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Belongings {
    pub conversations: u64,
    pub turns: u64,
    pub messages: u64,
    /// Bytes of text and data in the messages.
    pub message_bytes: u64,
    /// Logins that are good.
    pub logins: u64,
    /// Invite codes that they made: these stay, without their name.
    pub invites: u64,
}

impl Store {
    /// Counts what is in the databases of somebody.
    pub fn belongings(&self, user: &User) -> Result<Belongings> {
        let (logins, invites) = self.accounts.read(|conn| {
            let count = |sql: &str| count(conn, sql, user.id.as_str());
            Ok((
                count("SELECT count(*) FROM logins WHERE userId = ?1")?,
                count("SELECT count(*) FROM invites WHERE createdBy = ?1")?,
            ))
        })?;
        let owner = user.container_id.as_str();
        self.agent.read(|conn| {
            let sessions = "sessionId IN (SELECT sessionId FROM images WHERE containerId = ?1)";
            Ok(Belongings {
                conversations: count(conn, "SELECT count(*) FROM images WHERE containerId = ?1", owner)?,
                turns: count(conn, &format!("SELECT count(*) FROM turns WHERE {sessions}"), owner)?,
                messages: count(conn, &format!("SELECT count(*) FROM messages WHERE {sessions}"), owner)?,
                message_bytes: count(
                    conn,
                    &format!("SELECT coalesce(sum(octet_length(content)), 0) FROM messages WHERE {sessions}"),
                    owner,
                )?,
                logins,
                invites,
            })
        })
    }

    /// Hands out every message of a conversation, oldest first, also those that were replaced by a later attempt.
    ///
    /// Errors: those of `take`, which end it.
    pub fn each_message(&self, conversation: &Conversation, take: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
        self.agent.read(|conn| {
            let mut statement = conn
                .prepare(
                    "SELECT messageId, turnId, role, status, model, stopReason, timestamp, usage, content \
                     FROM messages WHERE sessionId = ?1 ORDER BY position",
                )
                .map_err(failure::error)?;
            let mut rows = statement.query([conversation.session_id.as_str()]).map_err(failure::error)?;
            while let Some(row) = rows.next().map_err(failure::error)? {
                take(message(row).map_err(failure::error)?)?;
            }
            Ok(())
        })
    }

    /// A page of all conversations of somebody by id, behind `after`: an order in which none is missed when they move
    /// in the list meanwhile.
    pub fn conversation_ids(
        &self,
        owner: &ContainerId,
        after: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        let sql = "SELECT imageId FROM images WHERE containerId = ?1 AND imageId > ?2 ORDER BY imageId LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.agent.read(|conn| {
            let mut statement = conn.prepare_cached(sql).map_err(failure::error)?;
            let after = after.map_or("", ConversationId::as_str);
            let rows = statement
                .query_map(params![owner.as_str(), after, limit], |row| row.get::<_, String>(0))
                .map_err(failure::error)?;
            rows.map(|row| row.map(ConversationId::from)).collect::<rusqlite::Result<_>>().map_err(failure::error)
        })
    }

    /// Whether anybody owns this container.
    pub fn container_has_user(&self, container: &ContainerId) -> Result<bool> {
        self.accounts.read(|conn| {
            count(conn, "SELECT count(*) FROM users WHERE containerId = ?1", container.as_str()).map(|count| count > 0)
        })
    }
}

/// In the transaction that deletes an account: what is left of it elsewhere in `portagent.db`.
pub fn forget(conn: &Connection, id: &UserId) -> Result<()> {
    for sql in [
        "UPDATE invites SET createdBy = NULL WHERE createdBy = ?1",
        "DELETE FROM unlocks WHERE nameKey IN (SELECT usernameKey FROM users WHERE userId = ?1 \
         UNION SELECT emailKey FROM users WHERE userId = ?1)",
    ] {
        conn.execute(sql, [id.as_str()]).map_err(failure::error)?;
    }
    Ok(())
}

fn count(conn: &Connection, sql: &str, value: &str) -> Result<u64> {
    let count: i64 = conn.query_row(sql, [value], |row| row.get(0)).map_err(failure::error)?;
    Ok(count.try_into().unwrap_or(0))
}

/// As it is stored; what cannot be read goes out as the text that it is.
fn message(row: &Row<'_>) -> rusqlite::Result<Value> {
    let parsed = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    let mut message = Map::new();
    for (at, name) in ["messageId", "turnId", "role", "status", "model", "stopReason"].into_iter().enumerate() {
        message.insert(name.to_owned(), json!(row.get::<_, Option<String>>(at)?));
    }
    message.insert("timestamp".to_owned(), json!(row.get::<_, i64>(6)?));
    message.insert("usage".to_owned(), row.get::<_, Option<String>>(7)?.map_or(Value::Null, parsed));
    message.insert("content".to_owned(), parsed(row.get(8)?));
    Ok(Value::Object(message))
}
