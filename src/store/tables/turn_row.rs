//! A row of `turns`, as all read it that look something up by a turn.

use rusqlite::{Connection, Row};

use crate::domain::Result;
use crate::domain::id::{MessageId, SessionId, TurnId};
use crate::store::sqlite::rows;

pub(super) const COLUMNS: &str = "turnId, sessionId, ordinal, userMessageId, state";

#[derive(Debug, Clone)]
pub struct TurnRow {
    pub id: TurnId,
    pub session_id: SessionId,
    pub ordinal: i64,
    pub user_message_id: MessageId,
    pub state: String,
}

pub(super) fn turn_row(row: &Row<'_>) -> rusqlite::Result<TurnRow> {
    Ok(TurnRow {
        id: row.get(0)?,
        session_id: row.get(1)?,
        ordinal: row.get(2)?,
        user_message_id: row.get(3)?,
        state: row.get(4)?,
    })
}

pub fn turn_by_id(conn: &Connection, session: &SessionId, id: &TurnId) -> Result<TurnRow> {
    let sql = format!("SELECT {COLUMNS} FROM turns WHERE sessionId = ?1 AND turnId = ?2");
    rows::found(conn, &sql, (session, id), turn_row, "Turn")
}
