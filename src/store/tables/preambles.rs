//! What was sent before all messages of a conversation, and from which turn on that changed, in `agentx.db`.

use rusqlite::{Row, params};

use super::tree::Branches;
use super::turn_row::TurnRow;
use crate::domain::Result;
use crate::domain::id::{SessionId, TurnId};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// System prompt and tools from a turn on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreambleRow {
    pub turn_id: TurnId,
    pub ordinal: i64,
    /// Empty: there is none.
    pub system: String,
    /// The set of tools, and its definitions as JSON.
    pub set: String,
    pub tools: String,
}

impl Store {
    /// Those of a turn's branch up to and with this turn, oldest first.
    pub fn preambles(&self, turn: &TurnRow) -> Result<Vec<PreambleRow>> {
        let sql = "SELECT turnId, ordinal, system, setDigest, coalesce(definitions, '[]') FROM preambles \
                   LEFT JOIN tool_sets ON digest = setDigest WHERE sessionId = ?1 AND ordinal <= ?2 ORDER BY ordinal";
        self.agent.read(|conn| {
            let path = Branches::load(conn, &turn.session_id)?.path_to(turn.ordinal);
            let mut found: Vec<PreambleRow> = rows::all(conn, sql, (&turn.session_id, turn.ordinal), preamble)?;
            found.retain(|row| path.contains(row.ordinal));
            Ok(found)
        })
    }

    /// What counts from a turn on.
    pub fn add_preamble(&self, session: &SessionId, row: PreambleRow) -> Result<()> {
        let session = session.clone();
        self.agent.write(move |conn| {
            let sql = "INSERT OR REPLACE INTO preambles (sessionId, turnId, ordinal, system, setDigest) \
                       SELECT sessionId, ?2, ?3, ?4, ?5 FROM sessions WHERE sessionId = ?1";
            rows::change(conn, sql, params![session, row.turn_id, row.ordinal, row.system, row.set]).map(drop)
        })
    }
}

fn preamble(row: &Row<'_>) -> rusqlite::Result<PreambleRow> {
    let set = row.get::<_, Option<String>>(3)?.unwrap_or_default();
    Ok(PreambleRow { turn_id: row.get(0)?, ordinal: row.get(1)?, system: row.get(2)?, set, tools: row.get(4)? })
}
