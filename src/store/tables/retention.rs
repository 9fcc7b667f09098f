//! Conversations that nobody has touched for long.

use rusqlite::{Connection, params};

use crate::domain::Result;
use crate::domain::id::{ContainerId, ConversationId, SessionId};
use crate::store::engine::Store;
use crate::store::sqlite::failure;

/// A conversation without activity since the given moment, in which nothing runs or waits.
const IDLE: &str = "FROM images WHERE max(updatedAt, createdAt) < ?1 AND NOT EXISTS (SELECT 1 FROM turns \
                    WHERE turns.sessionId = images.sessionId AND state IN ('queued', 'running'))";

/// One that was deleted, so that its files can follow.
#[derive(Debug, Clone)]
pub struct Forgotten {
    pub container: ContainerId,
    pub conversation: ConversationId,
    pub session: SessionId,
    pub messages: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Idle {
    pub conversations: u64,
    pub messages: u64,
}

impl Store {
    /// Counts the conversations without activity since `before_ms`.
    pub fn idle_conversations(&self, before_ms: i64) -> Result<Idle> {
        self.agent.read(|conn| {
            let sql = format!(
                "SELECT count(*), coalesce(sum((SELECT count(*) FROM messages WHERE messages.sessionId = \
                 images.sessionId)), 0) {IDLE}"
            );
            let counts: (i64, i64) =
                conn.query_row(&sql, [before_ms], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failure::error)?;
            Ok(Idle { conversations: counts.0.try_into().unwrap_or(0), messages: counts.1.try_into().unwrap_or(0) })
        })
    }

    /// Deletes at most `most` of them in one transaction: one that got a message meanwhile stays.
    pub fn forget_idle(&self, before_ms: i64, most: usize) -> Result<Vec<Forgotten>> {
        self.agent.write(move |conn| {
            let these = idle(conn, before_ms, most)?;
            for forgotten in &these {
                conn.execute("DELETE FROM images WHERE imageId = ?1", [forgotten.conversation.as_str()])
                    .map_err(failure::error)?;
            }
            Ok(these)
        })
    }
}

fn idle(conn: &Connection, before_ms: i64, most: usize) -> Result<Vec<Forgotten>> {
    let sql = format!(
        "SELECT containerId, imageId, sessionId, (SELECT count(*) FROM messages WHERE messages.sessionId = \
         images.sessionId) {IDLE} LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(failure::error)?;
    let rows = statement
        .query_map(params![before_ms, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
            Ok(Forgotten {
                container: ContainerId::from(row.get::<_, String>(0)?),
                conversation: ConversationId::from(row.get::<_, String>(1)?),
                session: SessionId::from(row.get::<_, String>(2)?),
                messages: row.get::<_, i64>(3)?.try_into().unwrap_or(0),
            })
        })
        .map_err(failure::error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failure::error)
}
