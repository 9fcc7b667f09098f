//! Single records of the key-value table, and the keys under which they stand.

use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;

use super::json::{Raw, column, column_number, mended, milliseconds, text, words};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId, SessionId};

/// A container, an image (which is a conversation here) or a session: they share names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    #[serde(borrow)]
    pub image_id: Raw<'a>,
    #[serde(borrow)]
    pub container_id: Raw<'a>,
    #[serde(borrow)]
    pub session_id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub description: Raw<'a>,
    #[serde(borrow)]
    pub system_prompt: Raw<'a>,
    #[serde(borrow)]
    pub model: Raw<'a>,
    #[serde(borrow)]
    pub created_at: Raw<'a>,
    #[serde(borrow)]
    pub updated_at: Raw<'a>,
}

/// When the row itself was made and last changed, in milliseconds since 1970.
pub type RowTimes = (i64, i64);

/// `None` stands for a record that makes no sense.
pub type Found<'a> = Option<(Record<'a>, RowTimes)>;

/// Reads the records of one kind, in the order of their keys: `None` for one that makes no sense.
pub fn each_record(conn: &Connection, kind: &str, read: &mut dyn FnMut(Found<'_>) -> Result<()>) -> Result<()> {
    let sql =
        "SELECT value, created_at, updated_at FROM kv_storage WHERE key >= ?1 || ':' AND key < ?1 || ';' ORDER BY key";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([kind])?;
    while let Some(row) = rows.next()? {
        let json = column(row.get_ref(0)?).unwrap_or_default();
        let number = |at: usize| row.get_ref(at).map(|value| column_number(value).unwrap_or(0));
        let times = (number(1)?, number(2)?);
        let json = mended(&json);
        read(serde_json::from_str(&json).ok().map(|record| (record, times)))?;
    }
    Ok(())
}

/// A conversation and the session that it names, if any; until that is settled, it has a session of its own.
pub fn conversation(record: &Record<'_>, times: RowTimes) -> Option<(Conversation, Option<String>)> {
    let (created_at, updated_at) = lifetime(record, times);
    let conversation = Conversation {
        id: ConversationId::from_outside(&words(record.image_id)?),
        container_id: ContainerId::from_outside(&words(record.container_id)?),
        session_id: SessionId::random(),
        name: text(record.name).unwrap_or_default(),
        description: words(record.description),
        system_prompt: words(record.system_prompt),
        model: words(record.model),
        effort: None,
        is_pinned: false,
        is_archived: false,
        created_at,
        updated_at,
    };
    Some((conversation, words(record.session_id)))
}

/// When it was made and last changed: as the record says, else as the row says.
pub fn lifetime(record: &Record<'_>, (created, updated): RowTimes) -> (i64, i64) {
    let created_at = milliseconds(record.created_at).unwrap_or(created).max(0);
    (created_at, milliseconds(record.updated_at).unwrap_or(updated).max(created_at))
}

/// The session whose record names this conversation, for a conversation that names none.
pub fn session_of(conn: &Connection, id: &ConversationId) -> Result<Option<String>> {
    let sql = "SELECT json_extract(value, '$.sessionId') FROM kv_storage
               WHERE key >= 'sessions:' AND key < 'sessions;'
                 AND iif(json_valid(value), json_extract(value, '$.imageId'), NULL) = ?1 ORDER BY key LIMIT 1";
    let found = conn.query_row(sql, [id.as_str()], |row| Ok(column(row.get_ref(0)?).map(String::from)));
    Ok(found.optional()?.flatten().filter(|session| !session.is_empty()))
}

/// The key under which 1.9 stored something: slashes became colons, runs of colons one, and what followed a question mark
/// was dropped.
pub fn key(kind: &str, id: &str) -> String {
    let mut key = String::from(kind);
    key.push(':');
    for c in id.split('?').next().unwrap_or_default().chars() {
        let c = if matches!(c, '/' | '\\') { ':' } else { c };
        if c != ':' || !key.ends_with(':') {
            key.push(c);
        }
    }
    key.truncate(key.trim_end_matches(':').len());
    key
}
