//! What of the conversations is searched: the texts of people's questions and of whole answers, in all branches. A question
//! that was repeated for another answer is found once.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};

use super::content;
use crate::domain::Result;
use crate::domain::id::ContainerId;
use crate::domain::message::Part;
use crate::store::engine::Store;
use crate::store::engine::changes::Changed;
use crate::store::sqlite::rows;

/// A message with its conversation.
pub struct Searchable {
    pub id: String,
    pub container_id: String,
    pub conversation_id: String,
    pub conversation_name: String,
    /// `None` for what was taken over without turns.
    pub turn_id: Option<String>,
    pub role: String,
    pub timestamp: i64,
    pub text: String,
    row: i64,
}

const SELECT: &str = "SELECT m.messageId, i.containerId, i.imageId, i.name, m.role, m.timestamp, m.content, m.rowid, m.turnId \
    FROM messages m JOIN sessions s ON s.sessionId = m.sessionId JOIN images i ON i.imageId = s.imageId \
    WHERE m.role IN ('user', 'assistant') AND m.status IN ('complete', 'interrupted') \
    AND NOT (m.role = 'user' AND EXISTS (SELECT 1 FROM turns t WHERE t.turnId = m.turnId AND t.repeats IS NOT NULL))";

impl Store {
    /// What was written or deleted over our own connection since the last call.
    pub fn changed_messages(&self) -> Changed {
        self.agent.changes.take()
    }

    /// Another number when another program has changed the conversations.
    pub fn version_of_others(&self) -> Result<i64> {
        self.agent.opened().writer.alone(|conn| rows::value(conn, "PRAGMA data_version", []))
    }

    /// Those of these rows that are searched.
    pub fn searchable_rows(&self, rowids: &[i64]) -> Result<Vec<Searchable>> {
        self.agent.read(|conn| {
            let one = |rowid: &i64| rows::first(conn, &format!("{SELECT} AND m.rowid = ?1"), [rowid], searchable);
            Ok(rowids.iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    /// The next of all, in the order in which they were stored, and where the page behind them begins.
    pub fn searchable_after(&self, row: i64, limit: usize) -> Result<(Vec<Searchable>, Option<i64>)> {
        self.agent.read(|conn| {
            let sql = format!("{SELECT} AND m.rowid > ?1 ORDER BY m.rowid LIMIT ?2");
            let page: Vec<Searchable> = rows::all(conn, &sql, params![row, limit as i64], searchable)?;
            let last = page.last().map(|message| message.row);
            Ok((page, last))
        })
    }

    /// Those of these messages that are searched.
    pub fn searchable_ids<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<HashSet<&'a str>> {
        self.agent.read(|conn| {
            let sql = "SELECT count(*) FROM messages m JOIN sessions s ON s.sessionId = m.sessionId \
                       WHERE m.messageId = ?1 AND m.status IN ('complete', 'interrupted')";
            let is_there = |id: &str| rows::count(conn, sql, [id]).map(|count| count > 0);
            ids.filter_map(|id| is_there(id).map(|is_there| is_there.then_some(id)).transpose()).collect()
        })
    }

    /// A message of this owner's.
    pub fn searchable(&self, owner: &ContainerId, id: &str) -> Result<Option<Searchable>> {
        let sql = format!("{SELECT} AND m.messageId = ?1 AND i.containerId = ?2");
        self.agent.read(|conn: &Connection| rows::first(conn, &sql, params![id, owner], searchable))
    }
}

fn searchable(row: &Row<'_>) -> rusqlite::Result<Searchable> {
    let parts = content::read(&row.get::<_, String>(6)?);
    let texts: Vec<String> = parts
        .into_iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    Ok(Searchable {
        id: row.get(0)?,
        container_id: row.get(1)?,
        conversation_id: row.get(2)?,
        conversation_name: row.get(3)?,
        role: row.get(4)?,
        timestamp: row.get(5)?,
        text: texts.join("\n"),
        row: row.get(7)?,
        turn_id: row.get(8)?,
    })
}
