//! Rows whose parent is lost: the parent is made anew where its owner is known, else the rows are set aside.

use rusqlite::Connection;

use super::build::make_lost_and_found;
use super::schema::Schema;
use crate::domain::Result;
use crate::store::migrations::Which;
use crate::store::tables::stored;

/// What is made, and what it says of itself. In this order: each builds on those before it.
const AGENTX: &[(&str, &str)] = &[
    (
        "INSERT OR IGNORE INTO images (imageId, containerId, sessionId, name, createdAt, updatedAt) \
         SELECT imageId, containerId, sessionId, 'Recovered conversation', createdAt, updatedAt FROM sessions \
         WHERE imageId NOT IN (SELECT imageId FROM images)",
        "conversations made anew, named \"Recovered conversation\"",
    ),
    (
        "INSERT OR IGNORE INTO containers (containerId, createdAt, updatedAt) \
         SELECT containerId, min(createdAt), max(updatedAt) FROM (SELECT containerId, createdAt, updatedAt FROM images \
         UNION ALL SELECT containerId, createdAt, createdAt FROM files) \
         WHERE containerId NOT IN (SELECT containerId FROM containers) GROUP BY containerId",
        "containers made anew from the conversations and files in them",
    ),
    (
        // It is not known which event numbers were used: none below this one is used again.
        "INSERT OR IGNORE INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt, seqReserved) \
         SELECT sessionId, imageId, containerId, createdAt, updatedAt, 10000000 * \
         (1 + (SELECT count(DISTINCT position >> 20) FROM messages WHERE messages.sessionId = images.sessionId)) \
         FROM images WHERE sessionId NOT IN (SELECT sessionId FROM sessions)",
        "sessions made anew from their conversations",
    ),
    (
        // Otherwise the next turn would get the place of a lost one.
        "INSERT OR IGNORE INTO turns (turnId, sessionId, ordinal, userMessageId, state, createdAt, endedAt) \
         SELECT turnId, sessionId, min(position) >> 20, coalesce(min(CASE role WHEN 'user' THEN messageId END), ''), \
         'interrupted', min(timestamp), max(timestamp) FROM messages \
         WHERE turnId IS NOT NULL AND turnId NOT IN (SELECT turnId FROM turns) \
         AND sessionId IN (SELECT sessionId FROM sessions) GROUP BY turnId",
        "turns made anew from their messages",
    ),
];

/// Tables, and which of their rows have lost their parent for good.
const AGENTX_LOST: &[(&str, &str)] = &[
    ("sessions", "imageId NOT IN (SELECT imageId FROM images)"),
    ("messages", "sessionId NOT IN (SELECT sessionId FROM sessions)"),
    ("turns", "sessionId NOT IN (SELECT sessionId FROM sessions)"),
    ("files", "containerId NOT IN (SELECT containerId FROM containers)"),
    ("message_files", "messageId NOT IN (SELECT messageId FROM messages) OR fileId NOT IN (SELECT fileId FROM files)"),
    ("image_tools", "imageId NOT IN (SELECT imageId FROM images)"),
    (
        "tool_permissions",
        "containerId NOT IN (SELECT containerId FROM containers) OR imageId NOT IN (SELECT imageId FROM images)",
    ),
    ("preambles", "sessionId NOT IN (SELECT sessionId FROM sessions)"),
];
const PORTAGENT_LOST: &[(&str, &str)] = &[
    ("logins", "userId NOT IN (SELECT userId FROM users)"),
    ("model_choices", "userId NOT IN (SELECT userId FROM users)"),
    ("second_steps", "userId NOT IN (SELECT userId FROM users)"),
    ("recovery_codes", "userId NOT IN (SELECT userId FROM users)"),
];

/// Returns what was done, in sentences.
pub(super) fn mend(conn: &Connection, schema: &Schema) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let (made, lost) = match (schema.is_legacy, schema.which) {
        (true, _) => return Ok(done),
        (false, Which::Agentx) => (AGENTX, AGENTX_LOST),
        (false, Which::Portagent) => (&[][..], PORTAGENT_LOST),
    };
    for (sql, what) in made {
        match conn.execute(sql, [])? {
            0 => {}
            rows => done.push(format!("{rows} {what}")),
        }
    }
    if schema.which == Which::Agentx {
        stored::recount_all(conn)?;
    }
    for (table, condition) in lost {
        match set_aside(conn, table, condition)? {
            0 => {}
            rows => done.push(format!("{rows} rows of {table} belong to nothing that is left: kept in lost_and_found")),
        }
    }
    Ok(done)
}

fn set_aside(conn: &Connection, table: &str, condition: &str) -> Result<usize> {
    let columns: Vec<String> = conn
        .prepare("SELECT name FROM pragma_table_info(?1)")
        .and_then(|mut statement| statement.query_map([table], |row| row.get(0))?.collect())?;
    // A blob is no JSON value.
    let value =
        |name: &String| format!("CASE typeof({name}) WHEN 'blob' THEN 'x''' || hex({name}) || '''' ELSE {name} END");
    let record = columns.iter().map(value).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
    if conn.query_row(&sql, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    make_lost_and_found(conn)?;
    conn.execute(
        &format!(
            "INSERT INTO lost_and_found (tableName, rowNumber, reason, record) \
             SELECT '{table}', rowid, 'what it belongs to is lost', json_array({record}) FROM {table} WHERE {condition}"
        ),
        [],
    )?;
    Ok(conn.execute(&format!("DELETE FROM {table} WHERE {condition}"), [])?)
}
