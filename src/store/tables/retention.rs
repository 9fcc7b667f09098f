//! Conversations without activity for long, pinned and archived ones among them: what a rule says about age holds for all.

use rusqlite::{Connection, params};

use crate::domain::Result;
use crate::domain::id::{ContainerId, ConversationId, SessionId};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// A conversation without activity since the given moment, in which nothing runs or waits.
const IDLE: &str = "FROM images WHERE max(updatedAt, createdAt) < ?1 AND NOT EXISTS (SELECT 1 FROM turns \
                    WHERE turns.sessionId = images.sessionId AND state IN ('queued', 'running'))";
const MESSAGES: &str = "(SELECT count(*) FROM messages WHERE messages.sessionId = images.sessionId)";

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
            Ok(Idle {
                conversations: rows::count(conn, &format!("SELECT count(*) {IDLE}"), [before_ms])?,
                messages: rows::count(conn, &format!("SELECT coalesce(sum({MESSAGES}), 0) {IDLE}"), [before_ms])?,
            })
        })
    }

    /// Deletes at most `most` of them in one transaction: one that got a message meanwhile stays.
    pub fn forget_idle(&self, before_ms: i64, most: usize) -> Result<Vec<Forgotten>> {
        self.agent.write(move |conn| {
            let idle = idle(conn, before_ms, most)?;
            for forgotten in &idle {
                rows::change(conn, "DELETE FROM images WHERE imageId = ?1", [&forgotten.conversation])?;
            }
            Ok(idle)
        })
    }
}

fn idle(conn: &Connection, before_ms: i64, most: usize) -> Result<Vec<Forgotten>> {
    let sql = format!("SELECT containerId, imageId, sessionId, {MESSAGES} {IDLE} LIMIT ?2");
    rows::all(conn, &sql, params![before_ms, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        Ok(Forgotten {
            container: row.get(0)?,
            conversation: row.get(1)?,
            session: row.get(2)?,
            messages: row.get::<_, i64>(3)?.try_into().unwrap_or(0),
        })
    })
}
