//! The tools of conversations, and what their owners have allowed, in `agentx.db`.

use rusqlite::{Connection, params};

use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// What is stored of a conversation's tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationTools {
    /// Names of servers and built-in tools; `None`: what the administrator has by default.
    pub chosen: Option<Vec<String>>,
    /// What models were told: the digest of the set, and its definitions as JSON; `None` before the first turn.
    pub set: Option<(String, String)>,
}

impl Store {
    /// What is stored of a conversation's tools. One that is not the owner's has nothing.
    pub fn conversation_tools(&self, owner: &ContainerId, id: &ConversationId) -> Result<ConversationTools> {
        let sql = "SELECT chosen, digest, definitions FROM images JOIN image_tools USING (imageId) \
                   LEFT JOIN tool_sets ON digest = setDigest WHERE containerId = ?1 AND imageId = ?2";
        self.agent.read(|conn| {
            let found = rows::first(conn, sql, (owner, id), |row| {
                let chosen = row.get::<_, Option<String>>(0)?;
                let chosen = chosen.and_then(|names| serde_json::from_str(&names).ok());
                let set = row.get::<_, Option<String>>(1)?.zip(row.get(2)?);
                Ok(ConversationTools { chosen, set })
            })?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Errors: `NotFound`.
    pub fn choose_tools(&self, owner: &ContainerId, id: &ConversationId, chosen: Option<Vec<String>>) -> Result<()> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            check_owned(conn, &owner, &id)?;
            let chosen = chosen.as_ref().and_then(|names| serde_json::to_string(names).ok());
            let sql = "INSERT INTO image_tools (imageId, chosen) VALUES (?1, ?2) \
                       ON CONFLICT (imageId) DO UPDATE SET chosen = excluded.chosen";
            rows::change(conn, sql, params![id, chosen]).map(drop)
        })
    }

    /// Keeps what models are told of a conversation's tools. Sets that nothing refers to any more are removed.
    ///
    /// Errors: `NotFound`.
    pub fn keep_tool_set(
        &self,
        owner: &ContainerId,
        id: &ConversationId,
        digest: String,
        definitions: String,
    ) -> Result<()> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            check_owned(conn, &owner, &id)?;
            let new =
                "INSERT INTO tool_sets (digest, definitions, createdAt) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let is_new = rows::change(conn, new, params![digest, definitions, clock::now_ms()])? > 0;
            let sql = "INSERT INTO image_tools (imageId, setDigest) VALUES (?1, ?2) \
                       ON CONFLICT (imageId) DO UPDATE SET setDigest = excluded.setDigest";
            rows::change(conn, sql, params![id, digest])?;
            if is_new {
                let unused =
                    "DELETE FROM tool_sets WHERE NOT EXISTS (SELECT 1 FROM image_tools WHERE setDigest = digest) \
                     AND NOT EXISTS (SELECT 1 FROM preambles WHERE setDigest = digest)";
                rows::change(conn, unused, [])?;
            }
            Ok(())
        })
    }

    /// Whether a person has allowed a tool, for good or in this conversation.
    pub fn is_tool_allowed(&self, owner: &ContainerId, id: &ConversationId, tool: &str) -> Result<bool> {
        let sql = "SELECT count(*) FROM tool_permissions WHERE containerId = ?1 AND (imageId IS NULL OR imageId = ?2) \
                   AND tool = ?3";
        self.agent.read(|conn| Ok(rows::count(conn, sql, (owner, id, tool))? > 0))
    }

    /// Allows a tool in a conversation, or with `None` everywhere. Errors: `NotFound`.
    pub fn allow_tool(&self, owner: &ContainerId, id: Option<&ConversationId>, tool: &str) -> Result<()> {
        let (owner, id, tool) = (owner.clone(), id.cloned(), tool.to_owned());
        self.agent.write(move |conn| {
            if let Some(id) = &id {
                check_owned(conn, &owner, id)?;
            }
            let sql = "INSERT INTO tool_permissions (containerId, imageId, tool, createdAt) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT DO NOTHING";
            rows::change(conn, sql, params![owner, id, tool, clock::now_ms()]).map(drop)
        })
    }

    /// The tools that a person has allowed for good.
    pub fn allowed_tools(&self, owner: &ContainerId) -> Result<Vec<String>> {
        let sql = "SELECT tool FROM tool_permissions WHERE containerId = ?1 AND imageId IS NULL ORDER BY tool";
        self.agent.read(|conn| rows::all(conn, sql, [owner], |row| row.get(0)))
    }

    /// Takes a permission back, wherever it was given. Says whether there was one.
    pub fn forbid_tool(&self, owner: &ContainerId, tool: &str) -> Result<bool> {
        let (owner, tool) = (owner.clone(), tool.to_owned());
        self.agent.write(move |conn| {
            let sql = "DELETE FROM tool_permissions WHERE containerId = ?1 AND tool = ?2";
            Ok(rows::change(conn, sql, params![owner, tool])? > 0)
        })
    }
}

fn check_owned(conn: &Connection, owner: &ContainerId, id: &ConversationId) -> Result<()> {
    super::conversations::conversation_by_id(conn, owner, id).map(drop)
}
