//! What is stored about one person: counted, exported, deleted.

use rusqlite::{Connection, params};

use crate::domain::Result;
use crate::domain::id::{ContainerId, ConversationId, UserId};
use crate::domain::user::User;
use crate::store::engine::Store;
use crate::store::sqlite::rows;

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
    /// Counts what the databases hold of a user.
    pub fn belongings(&self, user: &User) -> Result<Belongings> {
        let (logins, invites) = self.accounts.read(|conn| {
            Ok((
                rows::count(conn, "SELECT count(*) FROM logins WHERE userId = ?1", [&user.id])?,
                rows::count(conn, "SELECT count(*) FROM invites WHERE createdBy = ?1", [&user.id])?,
            ))
        })?;
        self.agent.read(|conn| {
            let count = |sql: &str| rows::count(conn, sql, [&user.container_id]);
            let sessions = "sessionId IN (SELECT sessionId FROM images WHERE containerId = ?1)";
            Ok(Belongings {
                conversations: count("SELECT count(*) FROM images WHERE containerId = ?1")?,
                turns: count(&format!("SELECT count(*) FROM turns WHERE {sessions}"))?,
                messages: count(&format!("SELECT count(*) FROM messages WHERE {sessions}"))?,
                message_bytes: count(&format!(
                    "SELECT coalesce(sum(octet_length(content)), 0) FROM messages WHERE {sessions}"
                ))?,
                logins,
                invites,
            })
        })
    }

    /// A page of an owner's conversations by id, behind `after`: an order in which none is missed when they move in the
    /// list meanwhile.
    pub fn conversation_ids(
        &self,
        owner: &ContainerId,
        after: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        let sql = "SELECT imageId FROM images WHERE containerId = ?1 AND imageId > ?2 ORDER BY imageId LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.map_or("", ConversationId::as_str);
        self.agent.read(|conn| rows::all(conn, sql, params![owner, after, limit], |row| row.get(0)))
    }

    /// Whether a user owns this container.
    pub fn container_has_user(&self, container: &ContainerId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE containerId = ?1)";
        self.accounts.read(|conn| rows::value(conn, sql, [container]))
    }
}

/// In the transaction that deletes an account: what is left of it elsewhere in `portagent.db`.
pub fn forget(conn: &Connection, id: &UserId) -> Result<()> {
    for sql in [
        "UPDATE ledger SET userId = NULL WHERE userId = ?1",
        "DELETE FROM budgets WHERE userId = ?1",
        "DELETE FROM budget_notices WHERE userId = ?1",
        "UPDATE invites SET createdBy = NULL WHERE createdBy = ?1",
        "DELETE FROM unlocks WHERE nameKey IN (SELECT usernameKey FROM users WHERE userId = ?1 \
         UNION SELECT emailKey FROM users WHERE userId = ?1)",
    ] {
        rows::change(conn, sql, [id])?;
    }
    Ok(())
}
