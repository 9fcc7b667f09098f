//! What a table's rows look like: so that a row can be recognised whose table cannot be named any more.

use rusqlite::Connection;

use super::record::Value;
use crate::domain::Result;
use crate::store::migrations::Which;

/// A definition longer than this is none of ours, in bytes.
const SQL_BYTES: usize = 64 * 1024;

/// The tables that Portagent 1.9 made.
pub(super) const LEGACY_AGENTX: &str = "CREATE TABLE kv_storage (key TEXT PRIMARY KEY, value TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
    CREATE INDEX idx_kv_key ON kv_storage(key);";
pub(super) const LEGACY_PORTAGENT: &str = "CREATE TABLE users (userId TEXT PRIMARY KEY, username TEXT UNIQUE NOT NULL,
    email TEXT UNIQUE NOT NULL, passwordHash TEXT NOT NULL, containerId TEXT NOT NULL, displayName TEXT, avatar TEXT,
    isActive INTEGER NOT NULL DEFAULT 1, createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL);
    CREATE INDEX idx_users_username ON users(username); CREATE INDEX idx_users_email ON users(email);
    CREATE INDEX idx_users_containerId ON users(containerId);";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    kind: Kind,
    not_null: bool,
    /// Another name of the rowid: its value stands there and not in the record.
    pub is_rowid: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub table: String,
    pub columns: Vec<Column>,
}

impl Shape {
    /// Whether a row may be one of this table's, as far as its values say.
    pub(super) fn fits(&self, values: &[Value]) -> bool {
        self.columns.len() == values.len()
            && self.columns.iter().zip(values).all(|(column, value)| column.takes(value))
            && self.is_plausible(values)
    }

    /// Two tables of `portagent.db` have the same columns; what stands in them differs.
    fn is_plausible(&self, values: &[Value]) -> bool {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (self.table.as_str(), &values[0]) {
            ("revoked_tokens", Value::Text(text)) => is_digest(text),
            ("unlocks", Value::Text(text)) => !is_digest(text),
            _ => true,
        }
    }
}

impl Column {
    fn takes(&self, value: &Value) -> bool {
        match (value, self.kind) {
            (Value::Null, _) => !self.not_null || self.is_rowid,
            (Value::Text(_), Kind::Text) | (Value::Int(_), Kind::Int) | (_, Kind::Any) => true,
            _ => false,
        }
    }
}

/// The shapes of every version of our tables, the newest first.
pub(super) fn ours(which: Which) -> Result<Vec<Shape>> {
    let conn = Connection::open_in_memory()?;
    let mut shapes = Vec::new();
    for step in which.schema().steps {
        (step.apply)(&conn)?;
        for shape in all(&conn)? {
            if !shapes.contains(&shape) {
                shapes.insert(0, shape);
            }
        }
    }
    Ok(shapes)
}

pub(super) fn legacy(which: Which) -> Result<Vec<Shape>> {
    let conn = Connection::open_in_memory()?;
    let sql = match which {
        Which::Agentx => LEGACY_AGENTX,
        Which::Portagent => LEGACY_PORTAGENT,
    };
    conn.execute_batch(sql)?;
    all(&conn)
}

/// What a definition out of the file says. It is not trusted: only a plain table with rowids is looked at.
pub(super) fn of_definition(sql: &str) -> Option<Shape> {
    let upper = sql.to_ascii_uppercase();
    let is_plain = sql.len() <= SQL_BYTES
        && upper.starts_with("CREATE TABLE")
        && !upper.contains("SELECT")
        && !upper.contains("WITHOUT ROWID");
    if !is_plain {
        return None;
    }
    let conn = Connection::open_in_memory().ok()?;
    conn.execute(sql, []).ok()?;
    all(&conn).ok()?.pop()
}

fn all(conn: &Connection) -> Result<Vec<Shape>> {
    let names: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())?;
    names.into_iter().map(|table| Ok(Shape { columns: columns(conn, &table)?, table })).collect()
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<Column>> {
    let mut statement = conn.prepare("SELECT name, upper(type), \"notnull\", pk FROM pragma_table_info(?1)")?;
    let columns = statement.query_map([table], |row| {
        let (kind, pk): (String, i64) = (row.get(1)?, row.get(3)?);
        Ok(Column {
            name: row.get(0)?,
            kind: match kind.as_str() {
                "TEXT" => Kind::Text,
                "INTEGER" => Kind::Int,
                _ => Kind::Any,
            },
            // None of our programs leaves a key empty, although SQLite would let it.
            not_null: row.get::<_, bool>(2)? || pk > 0,
            is_rowid: pk == 1 && kind == "INTEGER",
        })
    });
    Ok(columns.and_then(|columns| columns.collect())?)
}
