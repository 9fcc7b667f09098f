//! Conversations in `agentx.db`. Every query on owned rows takes the owner's container first, so that another user's id
//! reads like one that does not exist.

use rusqlite::{Connection, Row, named_params, params};

use super::stored;
use crate::domain::conversation::{Conversation, ConversationChange, Listing};
use crate::domain::id::{ContainerId, ConversationId, SessionId};
use crate::domain::{Error, Kind, Result, clock, limits};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Those of the first schema, into which conversations of 1.9 are taken over.
const FIRST_COLUMNS: &str =
    "imageId, containerId, sessionId, name, description, systemPrompt, model, createdAt, updatedAt";
const COLUMNS: &str = "imageId, containerId, sessionId, name, description, systemPrompt, model, createdAt, updatedAt, effort, isPinned, \
     isArchived";

/// How much was deleted with a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletedCounts {
    pub conversations: u64,
    pub messages: u64,
}

impl Store {
    /// Stores a new conversation; its container is made with the first one.
    ///
    /// Errors: `TooLarge` past the limit of conversations per person, or where their storage is full.
    pub fn add_conversation(&self, conversation: Conversation) -> Result<Conversation> {
        let most = self.quota.bytes();
        self.agent.write(move |conn| {
            rows::change(
                conn,
                "INSERT INTO containers (containerId, createdAt, updatedAt) VALUES (?1, ?2, ?2) \
                 ON CONFLICT (containerId) DO UPDATE SET updatedAt = excluded.updatedAt",
                params![conversation.container_id, conversation.created_at],
            )?;
            check_count(count(conn, &conversation.container_id)?)?;
            let bytes = text_bytes(&conversation) + stored::ROW_BYTES;
            stored::check_room(conn, &conversation.container_id, bytes as u64, most)?;
            insert_conversation(conn, &conversation)?;
            stored::change(conn, &conversation.session_id, stored::signed(bytes))?;
            Ok(conversation)
        })
    }

    /// A page of an owner's conversations, newest activity first, from behind `before` on.
    ///
    /// Errors: `NotFound` for a `before` that is not theirs.
    pub fn conversations(
        &self,
        owner: &ContainerId,
        listing: Listing,
        limit: usize,
        before: Option<&ConversationId>,
    ) -> Result<Vec<Conversation>> {
        self.agent.read(|conn| {
            let (at, row) = before.map_or(Ok((i64::MAX, i64::MAX)), |id| place_in_list(conn, owner, id))?;
            // Written out, so that the index of pinned ones serves.
            let pinned = match listing.pinned {
                None => "",
                Some(true) => "AND isPinned = 1",
                Some(false) => "AND isPinned = 0",
            };
            let sql = format!(
                "SELECT {COLUMNS} FROM images WHERE containerId = :owner AND isArchived = :archived {pinned} \
                 AND (updatedAt, rowid) < (:at, :row) ORDER BY updatedAt DESC, rowid DESC LIMIT :limit"
            );
            let archived = listing.archived;
            let params =
                named_params! { ":owner": owner, ":archived": archived, ":at": at, ":row": row, ":limit": limit as i64 };
            rows::all(conn, &sql, params, conversation)
        })
    }

    /// Errors: `NotFound`.
    pub fn conversation(&self, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
        self.agent.read(|conn| conversation_by_id(conn, owner, id))
    }

    /// Errors: `NotFound`.
    pub fn conversation_of_session(&self, owner: &ContainerId, session: &SessionId) -> Result<Conversation> {
        let sql = format!("SELECT {COLUMNS} FROM images WHERE containerId = ?1 AND sessionId = ?2");
        self.agent.read(|conn| rows::found(conn, &sql, (owner, session), conversation, "Session"))
    }

    /// Errors: `NotFound`; `TooLarge` where it grows and the person's storage is full.
    pub fn change_conversation(
        &self,
        owner: &ContainerId,
        id: &ConversationId,
        change: ConversationChange,
    ) -> Result<Conversation> {
        let (owner, id, most) = (owner.clone(), id.clone(), self.quota.bytes());
        self.agent.write(move |conn| {
            let mut changed = conversation_by_id(conn, &owner, &id)?;
            let before = text_bytes(&changed);
            changed.name = change.name.unwrap_or(changed.name);
            changed.description = change.description.unwrap_or(changed.description);
            changed.system_prompt = change.system_prompt.unwrap_or(changed.system_prompt);
            changed.model = change.model.unwrap_or(changed.model);
            changed.effort = change.effort.unwrap_or(changed.effort);
            changed.is_pinned = change.pinned.unwrap_or(changed.is_pinned);
            changed.is_archived = change.archived.unwrap_or(changed.is_archived);
            let after = text_bytes(&changed);
            if after > before {
                stored::check_room(conn, &owner, (after - before) as u64, most)?;
            }
            stored::change(conn, &changed.session_id, stored::signed(after) - stored::signed(before))?;
            // Its place in the list stays: only messages are activity.
            rows::change(
                conn,
                "UPDATE images SET name = ?2, description = ?3, systemPrompt = ?4, model = ?5, effort = ?6, \
                 isPinned = ?7, isArchived = ?8 WHERE imageId = ?1",
                params![
                    id,
                    changed.name,
                    changed.description,
                    changed.system_prompt,
                    changed.model,
                    changed.effort,
                    changed.is_pinned,
                    changed.is_archived
                ],
            )?;
            Ok(changed)
        })
    }

    /// Deletes a conversation with its session, turns and messages. Errors: `NotFound`.
    pub fn delete_conversation(&self, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            let deleted = conversation_by_id(conn, &owner, &id)?;
            rows::change(conn, "DELETE FROM images WHERE imageId = ?1", [id])?;
            Ok(deleted)
        })
    }

    /// Deletes all that belongs to a container and says how much that was.
    pub fn delete_container(&self, owner: &ContainerId) -> Result<DeletedCounts> {
        let owner = owner.clone();
        self.agent.write(move |conn| {
            let messages = "SELECT count(*) FROM messages WHERE sessionId IN \
                            (SELECT sessionId FROM images WHERE containerId = ?1)";
            let counts = DeletedCounts {
                conversations: rows::count(conn, "SELECT count(*) FROM images WHERE containerId = ?1", [&owner])?,
                messages: rows::count(conn, messages, [&owner])?,
            };
            rows::change(conn, "DELETE FROM containers WHERE containerId = ?1", [owner])?;
            Ok(counts)
        })
    }

    /// The highest event number that may have been sent in a session. Errors: `NotFound`.
    pub fn seq_reserved(&self, session: &SessionId) -> Result<u64> {
        let sql = "SELECT seqReserved FROM sessions WHERE sessionId = ?1";
        let seq: i64 = self.agent.read(|conn| rows::found(conn, sql, [session], |row| row.get(0), "Session"))?;
        Ok(seq.try_into().unwrap_or(0))
    }
}

/// How many a person has.
pub fn count(conn: &Connection, owner: &ContainerId) -> Result<i64> {
    rows::value(conn, "SELECT count(*) FROM images WHERE containerId = ?1", [owner])
}

/// Whether one more may come.
pub fn check_count(count: i64) -> Result<()> {
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
    let Conversation { id, container_id, session_id, created_at, updated_at, .. } = conversation;
    rows::change(
        conn,
        &format!("INSERT INTO images ({FIRST_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
        params![
            id,
            container_id,
            session_id,
            conversation.name,
            conversation.description,
            conversation.system_prompt,
            conversation.model,
            created_at,
            updated_at
        ],
    )?;
    if let Some(effort) = &conversation.effort {
        rows::change(conn, "UPDATE images SET effort = ?2 WHERE imageId = ?1", (id, effort))?;
    }
    rows::change(
        conn,
        "INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![session_id, id, container_id, created_at, updated_at],
    )
    .map(drop)
}

pub fn conversation_by_id(conn: &Connection, owner: &ContainerId, id: &ConversationId) -> Result<Conversation> {
    let sql = format!("SELECT {COLUMNS} FROM images WHERE containerId = ?1 AND imageId = ?2");
    rows::found(conn, &sql, (owner, id), conversation, "Conversation")
}

/// Where a conversation stands in the list of its owner: of those of the same millisecond, the later made is newer.
fn place_in_list(conn: &Connection, owner: &ContainerId, id: &ConversationId) -> Result<(i64, i64)> {
    let sql = "SELECT updatedAt, rowid FROM images WHERE containerId = ?1 AND imageId = ?2";
    rows::found(conn, sql, (owner, id), |row| Ok((row.get(0)?, row.get(1)?)), "Conversation")
}

/// What a conversation's own texts hold.
pub fn text_bytes(conversation: &Conversation) -> usize {
    let Conversation { name, description, system_prompt, .. } = conversation;
    name.len() + [description, system_prompt].into_iter().flatten().map(String::len).sum::<usize>()
}

/// A message makes its conversation the newest, takes it out of the archive, and names one that has no name yet.
pub fn touch(conn: &Connection, conversation: &Conversation, name_if_none: &str) -> Result<()> {
    if conversation.name.is_empty() {
        stored::change(conn, &conversation.session_id, stored::signed(name_if_none.len()))?;
    }
    rows::change(
        conn,
        "UPDATE images SET updatedAt = max(?2, updatedAt), isArchived = 0, name = CASE name WHEN '' THEN ?3 ELSE name END \
         WHERE imageId = ?1",
        params![conversation.id, clock::now_ms(), name_if_none],
    )
    .map(drop)
}

fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        container_id: row.get(1)?,
        session_id: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        system_prompt: row.get(5)?,
        model: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        effort: row.get(9)?,
        is_pinned: row.get(10)?,
        is_archived: row.get(11)?,
    })
}
