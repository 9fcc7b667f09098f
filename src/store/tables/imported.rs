//! Conversations that come from elsewhere, stored whole: several in one transaction, each with its turns, messages and
//! files, counted like those that were written here.

use rusqlite::{Connection, params};

use super::conversations::{self, check_count, insert_conversation};
use super::files;
use super::messages::{self, Position};
use super::stored;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus};
use crate::domain::{Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

pub struct Imported {
    pub conversation: Conversation,
    /// What it chose; `None`: the administrator's default.
    pub tools: Option<Vec<String>>,
    pub turns: Vec<ImportedTurn>,
}

pub struct ImportedTurn {
    pub id: TurnId,
    /// The ordinal of the turn before it, from 1, 0 for a first one; `None`: the one in front of it.
    pub parent: Option<i64>,
    /// Another one with the same parent is shown.
    pub is_other: bool,
    /// In their order, the question first where there is one.
    pub messages: Vec<Message>,
}

/// What was stored of a batch.
#[derive(Debug, Default)]
pub struct ImportOutcome {
    pub conversations: u64,
    pub messages: u64,
    pub already_here: u64,
    /// Why the rest was not: there is no room, or there are too many.
    pub full: Option<Error>,
}

impl Store {
    /// Stores conversations of a person, as many of them, in their order, as there is room for.
    ///
    /// Errors: `NotFound` where a message carries a file that is gone; `Unavailable`. Then none is stored.
    pub fn import_conversations(&self, owner: &ContainerId, batch: Vec<Imported>) -> Result<ImportOutcome> {
        let (owner, most) = (owner.clone(), self.quota.bytes());
        self.agent.write(move |conn| {
            rows::change(
                conn,
                "INSERT INTO containers (containerId, createdAt, updatedAt) VALUES (?1, ?2, ?2) \
                 ON CONFLICT (containerId) DO NOTHING",
                params![owner, clock::now_ms()],
            )?;
            let mut outcome = ImportOutcome::default();
            let mut count = conversations::count(conn, &owner)?;
            let mut bytes = stored::of_owner(conn, &owner)?;
            for imported in &batch {
                if is_here(conn, &imported.conversation)? {
                    outcome.already_here += 1;
                    continue;
                }
                let more = size(imported)?;
                if let Err(full) = check_count(count).and_then(|()| stored::check_sum(bytes, more, most)) {
                    outcome.full = Some(full);
                    break;
                }
                outcome.messages += insert(conn, &owner, imported, more)?;
                outcome.conversations += 1;
                (count, bytes) = (count + 1, bytes.saturating_add(more));
            }
            Ok(outcome)
        })
    }
}

fn is_here(conn: &Connection, conversation: &Conversation) -> Result<bool> {
    rows::value(conn, "SELECT EXISTS (SELECT 1 FROM images WHERE imageId = ?1)", [&conversation.id])
}

/// What it will count, in bytes.
fn size(imported: &Imported) -> Result<u64> {
    let mut bytes = conversations::text_bytes(&imported.conversation) + stored::ROW_BYTES;
    for message in imported.turns.iter().flat_map(|turn| &turn.messages) {
        bytes += messages::bytes(message)?;
    }
    Ok(bytes as u64)
}

/// Returns how many messages.
fn insert(conn: &Connection, owner: &ContainerId, imported: &Imported, bytes: u64) -> Result<u64> {
    let Imported { conversation, tools, turns } = imported;
    insert_conversation(conn, conversation)?;
    let Conversation { id, is_pinned, is_archived, .. } = conversation;
    if *is_pinned || *is_archived {
        let sql = "UPDATE images SET isPinned = ?2, isArchived = ?3 WHERE imageId = ?1";
        rows::change(conn, sql, params![id, is_pinned, is_archived])?;
    }
    if let Some(tools) = tools {
        let chosen = serde_json::to_string(tools).map_err(Error::internal)?;
        rows::change(conn, "INSERT INTO image_tools (imageId, chosen) VALUES (?1, ?2)", (&conversation.id, chosen))?;
    }
    let mut count = 0;
    for (turn, ordinal) in turns.iter().zip(1_i64..) {
        insert_turn(conn, conversation, turn, ordinal)?;
        for (message, index) in turn.messages.iter().zip(0_u32..) {
            messages::take_over(conn, message, Position { ordinal, index })?;
            files::attach(conn, owner, &message.id, &message.parts)?;
            count += 1;
        }
    }
    stored::change(conn, &conversation.session_id, stored::signed(bytes))?;
    Ok(count)
}

/// What was over where it comes from is over here.
fn insert_turn(conn: &Connection, conversation: &Conversation, turn: &ImportedTurn, ordinal: i64) -> Result<()> {
    let question = turn.messages.iter().find(|message| message.role == MessageRole::User).or(turn.messages.first());
    let last = turn.messages.last();
    let is_whole =
        last.is_some_and(|last| last.role == MessageRole::Assistant && last.status == MessageStatus::Complete);
    let state = if is_whole { "completed" } else { "interrupted" };
    let at = |message: Option<&Message>| message.map_or(conversation.created_at, |message| message.timestamp);
    rows::change(
        conn,
        "INSERT INTO turns (turnId, sessionId, ordinal, userMessageId, state, createdAt, endedAt, parentOrdinal, isOther) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            turn.id,
            conversation.session_id,
            ordinal,
            question.map(|question| &question.id),
            state,
            at(question),
            at(last),
            turn.parent,
            turn.is_other
        ],
    )
    .map(drop)
}
