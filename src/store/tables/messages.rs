//! Messages in `agentx.db`, in the order of their turns.

use std::collections::HashMap;

use rusqlite::{Connection, Row, named_params, params};

use super::content;
use super::stored;
use super::tree::{self, Branches, Path};
use super::turn_row::TurnRow;
use crate::domain::conversation::Conversation;
use crate::domain::id::{MessageId, SessionId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus};
use crate::domain::{Error, Result, StopReason};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

const COLUMNS: &str = "messageId, sessionId, turnId, role, content, status, model, usage, stopReason, \
                       clientMessageId, timestamp, position";

/// Places within one turn: 2^20 messages.
const PLACES_PER_TURN: i64 = 1 << 20;

/// A page of messages holds no more than this, unless a single message is larger.
const PAGE_BYTES: usize = 1024 * 1024;

/// Where a message stands: its turn, and its number within the turn from 0.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    pub ordinal: i64,
    pub index: u32,
}

impl Position {
    fn position(self) -> i64 {
        self.ordinal.saturating_mul(PLACES_PER_TURN).saturating_add(i64::from(self.index))
    }
}

/// A page of the branch that is shown.
pub struct StoredPage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// By turn, the versions of its question, where there are several.
    pub siblings: HashMap<TurnId, Vec<TurnId>>,
    shown: Path,
}

impl StoredPage {
    /// Whether a turn belongs to the branch that is shown.
    pub fn shows(&self, ordinal: i64) -> bool {
        self.shown.contains(ordinal)
    }
}

impl Store {
    /// A page of a conversation: the newest `limit` messages before `before` in the branch that is shown.
    ///
    /// Errors: `NotFound` for a `before` that is not in it.
    pub fn messages(
        &self,
        conversation: &Conversation,
        limit: usize,
        before: Option<&MessageId>,
    ) -> Result<StoredPage> {
        let session = &conversation.session_id;
        self.agent.read(|conn| {
            let end = match before {
                Some(id) => position_of(conn, session, id)?,
                None => i64::MAX,
            };
            let tree = Branches::load(conn, session)?;
            let shown = tree.shown();
            let mut page = newest_first(conn, session, (end, &shown), limit, PAGE_BYTES)?;
            page.reverse();
            let (ordinals, messages) = page.into_iter().unzip();
            Ok(StoredPage { messages, siblings: tree::siblings(conn, session, &tree, ordinals)?, shown })
        })
    }

    /// The messages a model gets for a turn: everything up to its question in its branch, oldest first; where that is more
    /// than `most_bytes`, the newest whole turns that fit. And the branch's first question.
    pub fn history(&self, turn: &TurnRow, most_bytes: usize) -> Result<(Vec<Message>, Option<Message>)> {
        self.agent.read(|conn| {
            let path = Branches::load(conn, &turn.session_id)?.path_to(turn.ordinal);
            let end = (turn.ordinal + 1).saturating_mul(PLACES_PER_TURN);
            let history = newest_first(conn, &turn.session_id, (end, &path), usize::MAX, most_bytes)?;
            let mut history: Vec<Message> = history.into_iter().rev().map(|(_, message)| message).collect();
            // A cut turn would begin with an answer, or with a tool's result without its call.
            let start = history.iter().position(|message| message.role == MessageRole::User).unwrap_or(history.len());
            Ok((history.split_off(start), first_question(conn, &turn.session_id, &path)?))
        })
    }

    /// Stores a message, or what it has become. Errors: `NotFound` when its conversation is gone.
    pub fn save_message(&self, message: Message, place: Position) -> Result<()> {
        self.agent.write(move |conn| save(conn, &message, place))
    }

    /// Stores partial messages, all in one transaction; does not wait for it.
    pub fn checkpoint(&self, messages: Vec<(Message, Position)>) {
        self.agent.write_later("a checkpoint", move |conn| {
            for (message, place) in &messages {
                match save(conn, message, *place) {
                    Err(error) if error.kind != crate::domain::Kind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        });
    }
}

/// Inserts or replaces, and counts it as its owner's. A checkpoint that comes late never overwrites what is already
/// whole; what is whole may be stored a second time, where the first time its outcome was not known.
pub fn save(conn: &Connection, message: &Message, place: Position) -> Result<()> {
    let before = stored::of_message(conn, &message.id)?;
    let content = content::write(&message.parts).unwrap_or_default();
    if !write(conn, message, &content, place)? {
        // A partial message of a conversation that is gone, or that came too late, is not missed.
        return if message.status == MessageStatus::Streaming { Ok(()) } else { Err(Error::not_found("Conversation")) };
    }
    let now = stored::signed(content.len() + stored::ROW_BYTES);
    stored::change(conn, &message.session_id, now.saturating_sub(before.unwrap_or(0)))
}

/// The same without counting, for what has no counts yet.
pub fn take_over(conn: &Connection, message: &Message, place: Position) -> Result<()> {
    let is_stored = write(conn, message, &content::write(&message.parts).unwrap_or_default(), place)?;
    if is_stored { Ok(()) } else { Err(Error::not_found("Conversation")) }
}

/// False where it must not be stored.
fn write(conn: &Connection, message: &Message, content: &str, place: Position) -> Result<bool> {
    let usage = message.usage.as_ref().map(content::write_usage).transpose()?;
    let sql = format!(
        "INSERT INTO messages ({COLUMNS}) SELECT :id, :session, :turn, :role, :content, :status, :model, :usage, \
         :stop, :client, :timestamp, :position WHERE EXISTS (SELECT 1 FROM sessions WHERE sessionId = :session) \
         ON CONFLICT (messageId) DO UPDATE SET content = excluded.content, status = excluded.status, \
         model = excluded.model, usage = excluded.usage, stopReason = excluded.stopReason \
         WHERE (messages.status = 'streaming' OR messages.status = excluded.status) \
         AND messages.sessionId = excluded.sessionId"
    );
    let params = named_params! {
                ":id": message.id, ":session": message.session_id,
                ":turn": message.turn_id, ":role": message.role.as_str(),
                ":content": content, ":status": message.status.as_str(),
                ":model": message.model, ":usage": usage, ":stop": message.stop_reason.as_ref().map(StopReason::as_str),
                ":client": message.client_message_id, ":timestamp": message.timestamp,
                ":position": place.position(),
    };
    rows::change(conn, &sql, params).map(|stored| stored > 0)
}

/// What it will count, in bytes.
pub fn bytes(message: &Message) -> Result<usize> {
    Ok(content::write(&message.parts)?.len() + stored::ROW_BYTES)
}

/// The first free index in a turn.
pub fn next_index(conn: &Connection, turn: &TurnRow) -> Result<u32> {
    let start = turn.ordinal.saturating_mul(PLACES_PER_TURN);
    let sql = "SELECT max(position) FROM messages WHERE sessionId = ?1 AND position >= ?2 AND position < ?3";
    let end = start.saturating_add(PLACES_PER_TURN);
    let last: Option<i64> = rows::value(conn, sql, params![turn.session_id, start, end])?;
    Ok(last.map_or(0, |last| u32::try_from(last - start + 1).unwrap_or(0)))
}

fn position_of(conn: &Connection, session: &SessionId, id: &MessageId) -> Result<i64> {
    let sql = "SELECT position FROM messages WHERE sessionId = ?1 AND messageId = ?2";
    rows::found(conn, sql, (session, id), |row| row.get(0), "Message")
}

/// The oldest message of a person in a branch.
fn first_question(conn: &Connection, session: &SessionId, path: &Path) -> Result<Option<Message>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE sessionId = ?1 AND role = 'user' AND status <> 'superseded' \
         ORDER BY position"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([session])?;
    while let Some(row) = rows.next()? {
        if path.contains(ordinal(row)?) {
            return Ok(Some(message(row)?));
        }
    }
    Ok(None)
}

/// Those before a position that stand in a branch, each with its turn's ordinal.
fn newest_first(
    conn: &Connection,
    session: &SessionId,
    (end, path): (i64, &Path),
    limit: usize,
    most_bytes: usize,
) -> Result<Vec<(i64, Message)>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE sessionId = ?1 AND position < ?2 AND status <> 'superseded' \
         ORDER BY position DESC"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![session, end])?;
    let (mut page, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let ordinal = ordinal(row)?;
        if !path.contains(ordinal) {
            continue;
        }
        let message = message(row)?;
        bytes = bytes.saturating_add(message.parts.iter().map(crate::domain::message::Part::weight).sum());
        // The question itself always goes, however long it is.
        if bytes > most_bytes && !page.is_empty() {
            break;
        }
        page.push((ordinal, message));
        if page.len() >= limit {
            break;
        }
    }
    Ok(page)
}

/// Of the turn that a message stands in.
fn ordinal(row: &Row<'_>) -> rusqlite::Result<i64> {
    Ok(row.get::<_, i64>(11)? / PLACES_PER_TURN)
}

/// Errors: `NotFound`.
pub fn by_id(conn: &Connection, session: &SessionId, id: &MessageId) -> Result<Message> {
    let found = select_one(conn, "sessionId = ?1 AND messageId = ?2", (session, id.as_str()))?;
    found.ok_or_else(|| Error::not_found("Message"))
}

pub fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let role: String = row.get(3)?;
    Ok(Message {
        id: row.get(0)?,
        session_id: row.get(1)?,
        turn_id: row.get(2)?,
        role: MessageRole::from_text(&role).unwrap_or(MessageRole::Error),
        parts: content::read(&row.get::<_, String>(4)?),
        status: MessageStatus::from_text(&row.get::<_, String>(5)?),
        model: row.get(6)?,
        usage: row.get::<_, Option<String>>(7)?.as_deref().and_then(content::read_usage),
        stop_reason: row.get::<_, Option<String>>(8)?.as_deref().map(StopReason::from),
        client_message_id: row.get(9)?,
        timestamp: row.get(10)?,
    })
}

pub fn select_one(conn: &Connection, condition: &str, values: (&SessionId, &str)) -> Result<Option<Message>> {
    rows::first(conn, &format!("SELECT {COLUMNS} FROM messages WHERE {condition}"), values, message)
}
