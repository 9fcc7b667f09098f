//! Conversations in `agentx.db`. Every query on owned rows takes the owner's container first, so that somebody
//! else's id reads like one that does not exist.

use rusqlite::{Connection, Row, named_params, params};

use crate::domain::conversation::{Conversation, ConversationChange};
use crate::domain::id::{ContainerId, ConversationId, SessionId};
use crate::domain::{Error, Kind, Result, clock, limits};
use crate::store::engine::Store;
use crate::store::sqlite::failure;
use crate::store::sqlite::rows::found;

const COLUMNS: &str = "imageId, containerId, sessionId, name, description, systemPrompt, model, createdAt, updatedAt";

/// How much went with a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletedCounts {
    pub conversations: u64,
    pub messages: u64,
}

impl Store {
    /// Stores a new conversation; its container is made with the first one.
    ///
    /// Errors: `TooLarge` past the limit of conversations per person.
    pub fn add_conversation(&self, conversation: Conversation) -> Result<Conversation> {
        self.agent.write(move |conn| {
            let owner = conversation.container_id.as_str();
            let now = conversation.created_at;
            conn.execute(
                "INSERT INTO containers (containerId, createdAt, updatedAt) VALUES (?1, ?2, ?2) \
                 ON CONFLICT (containerId) DO UPDATE SET updatedAt = excluded.updatedAt",
                params![owner, now],
            )
            .map_err(failure::error)?;
            check_count(conn, owner)?;
            insert_conversation(conn, &conversation)?;
            Ok(conversation)
        })
    }

    /// A page of somebody's conversations, newest activity first, from behind `before` on.
    ///
    /// Errors: `NotFound` for a `before` that is not theirs.
    pub fn conversations(
        &self,
        owner: &ContainerId,
        limit: usize,
        before: Option<&ConversationId>,
    ) -> Result<Vec<Conversation>> {
        self.agent.read(|conn| {
            let (at, row) = before.map_or(Ok((i64::MAX, i64::MAX)), |id| place_in_list(conn, owner, id))?;
            let mut statement = conn
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM images WHERE containerId = :owner AND (updatedAt, rowid) < (:at, :row) \
                     ORDER BY updatedAt DESC, rowid DESC LIMIT :limit"
                ))
                .map_err(failure::error)?;
            let rows = statement
                .query_map(
                    named_params! { ":owner": owner.as_str(), ":at": at, ":row": row, ":limit": limit as i64 },
                    conversation,
                )
                .map_err(failure::error)?;
            rows.collect::<rusqlite::Result<_>>().map_err(failure::error)
        })
    }

    /// Errors: `NotFound`.
    pub fn conversation(&self, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
        self.agent.read(|conn| conversation_by_id(conn, owner, id))
    }

    /// Errors: `NotFound`.
    pub fn conversation_of_session(&self, owner: &ContainerId, session: &SessionId) -> Result<Conversation> {
        self.agent.read(|conn| {
            let mut statement = conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM images WHERE containerId = ?1 AND sessionId = ?2"))
                .map_err(failure::error)?;
            found(statement.query_row([owner.as_str(), session.as_str()], conversation), "Session")
        })
    }

    /// Errors: `NotFound`.
    pub fn change_conversation(
        &self,
        owner: &ContainerId,
        id: &ConversationId,
        change: ConversationChange,
    ) -> Result<Conversation> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            let mut changed = conversation_by_id(conn, &owner, &id)?;
            changed.name = change.name.unwrap_or(changed.name);
            changed.description = change.description.unwrap_or(changed.description);
            changed.system_prompt = change.system_prompt.unwrap_or(changed.system_prompt);
            changed.model = change.model.unwrap_or(changed.model);
            // Its place in the list stays: only messages are activity.
            conn.execute(
                "UPDATE images SET name = ?2, description = ?3, systemPrompt = ?4, model = ?5 WHERE imageId = ?1",
                params![id.as_str(), changed.name, changed.description, changed.system_prompt, changed.model],
            )
            .map_err(failure::error)?;
            Ok(changed)
        })
    }

    /// Deletes a conversation with its session, turns and messages. Errors: `NotFound`.
    pub fn delete_conversation(&self, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            let gone = conversation_by_id(conn, &owner, &id)?;
            conn.execute("DELETE FROM images WHERE imageId = ?1", [id.as_str()]).map_err(failure::error)?;
            Ok(gone)
        })
    }

    /// Deletes all that belongs to a container and says how much that was.
    pub fn delete_container(&self, owner: &ContainerId) -> Result<DeletedCounts> {
        let owner = owner.clone();
        self.agent.write(move |conn| {
            let count = |sql: &str| -> Result<u64> {
                conn.query_row(sql, [owner.as_str()], |row| row.get::<_, i64>(0))
                    .map(|count| count.try_into().unwrap_or(0))
                    .map_err(failure::error)
            };
            let counts = DeletedCounts {
                conversations: count("SELECT count(*) FROM images WHERE containerId = ?1")?,
                messages: count(
                    "SELECT count(*) FROM messages WHERE sessionId IN (SELECT sessionId FROM images WHERE containerId = ?1)",
                )?,
            };
            conn.execute("DELETE FROM containers WHERE containerId = ?1", [owner.as_str()]).map_err(failure::error)?;
            Ok(counts)
        })
    }

    /// The highest event number that may have been sent in a session.
    pub fn seq_reserved(&self, session: &SessionId) -> Result<u64> {
        self.agent.read(|conn| {
            let seq: i64 = found(
                conn.query_row("SELECT seqReserved FROM sessions WHERE sessionId = ?1", [session.as_str()], |row| {
                    row.get(0)
                }),
                "Session",
            )?;
            Ok(seq.try_into().unwrap_or(0))
        })
    }
}

fn check_count(conn: &Connection, owner: &str) -> Result<()> {
    let count: i64 = conn
        .query_row("SELECT count(*) FROM images WHERE containerId = ?1", [owner], |row| row.get(0))
        .map_err(failure::error)?;
    if count < limits::CONVERSATIONS_PER_USER {
        return Ok(());
    }
    Err(Error::new(
        Kind::TooLarge,
        "too_many_conversations",
        format!("There are already {count} conversations, which is the most"),
    )
    .hint("delete some that are no longer needed"))
}

pub fn insert_conversation(conn: &Connection, conversation: &Conversation) -> Result<()> {
    let now = (conversation.created_at, conversation.updated_at);
    conn.prepare_cached(&format!("INSERT INTO images ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"))
        .and_then(|mut statement| {
            statement.execute(params![
                conversation.id.as_str(),
                conversation.container_id.as_str(),
                conversation.session_id.as_str(),
                conversation.name,
                conversation.description,
                conversation.system_prompt,
                conversation.model,
                now.0,
                now.1
            ])
        })
        .map_err(failure::error)?;
    conn.prepare_cached(
        "INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            conversation.session_id.as_str(),
            conversation.id.as_str(),
            conversation.container_id.as_str(),
            now.0,
            now.1
        ])
    })
    .map(drop)
    .map_err(failure::error)
}

pub fn conversation_by_id(conn: &Connection, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
    let mut statement = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM images WHERE containerId = ?1 AND imageId = ?2"))
        .map_err(failure::error)?;
    found(statement.query_row([owner.as_str(), id.as_str()], conversation), "Conversation")
}

/// Where a conversation stands in the list of its owner: of those of the same millisecond, the later made is newer.
fn place_in_list(conn: &Connection, owner: &ContainerId, id: &ConversationId) -> Result<(i64, i64)> {
    let row = conn.query_row(
        "SELECT updatedAt, rowid FROM images WHERE containerId = ?1 AND imageId = ?2",
        [owner.as_str(), id.as_str()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    found(row, "Conversation")
}

/// A message makes its conversation the newest, and names one that has no name yet.
pub fn touch(conn: &Connection, id: &ConversationId, name_if_none: &str) -> Result<()> {
    conn.execute(
        "UPDATE images SET updatedAt = max(?2, updatedAt), name = CASE name WHEN '' THEN ?3 ELSE name END \
         WHERE imageId = ?1",
        params![id.as_str(), clock::now_ms(), name_if_none],
    )
    .map(drop)
    .map_err(failure::error)
}

fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: ConversationId::from(row.get::<_, String>(0)?),
        container_id: ContainerId::from(row.get::<_, String>(1)?),
        session_id: SessionId::from(row.get::<_, String>(2)?),
        name: row.get(3)?,
        description: row.get(4)?,
        system_prompt: row.get(5)?,
        model: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}
