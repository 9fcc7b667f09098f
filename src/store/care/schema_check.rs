//! Does a file have the tables, columns, indexes and triggers that this program would make?

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use super::{Which, finding, open_to_read};
use crate::domain::Result;
use crate::domain::finding::{Finding, Level};
use crate::store::migrations::expected;
use crate::store::sqlite::rows;

/// The name of the finding about a file of a newer program: it is not damaged.
pub(super) const NEWER: &str = "newer_schema";

/// The finding, and whether questions about our tables make sense.
pub(super) fn schema(conn: &Connection, which: Which) -> Result<(Finding, bool)> {
    let (place, schema) = (which.file(), which.schema());
    let version: i64 = rows::value(conn, "PRAGMA user_version", [])?;
    let say = |level, count, message: String| finding(place, "schema", level, count, message);
    if (schema.is_legacy)(conn)? {
        let message = "a file of Portagent 1.9: the next start takes it over".to_owned();
        return Ok((say(Level::Pass, 0, message), false));
    }
    if version > schema.newest() {
        let message = format!("written by schema {version}, this program knows {}", schema.newest());
        return Ok((finding(place, NEWER, Level::Fail, 1, message), false));
    }
    if version < schema.newest() {
        let message = format!("schema {version}: the next start brings it to {}", schema.newest());
        return Ok((say(Level::Warn, 0, message), false));
    }
    let missing: Vec<String> = objects(&expected(which)?)?.difference(&objects(conn)?).cloned().collect();
    // Without an index or a trigger all is still there; without a table or a column something is lost.
    let level = match missing.iter().any(|name| name.starts_with("table ") || name.starts_with("column ")) {
        _ if missing.is_empty() => Level::Pass,
        true => Level::Fail,
        false => Level::Warn,
    };
    let message = match missing.is_empty() {
        true => format!("schema {version}, complete"),
        false => format!("schema {version} lacks: {}", missing.join(", ")),
    };
    Ok((say(level, missing.len() as u64, message), level != Level::Fail))
}

/// Whether a file stands at this program's schema: what is written into it makes sense then.
pub fn is_current(directory: &Path, which: Which) -> bool {
    let version =
        open_to_read(&which.path(directory)).and_then(|conn| rows::value::<i64>(&conn, "PRAGMA user_version", []));
    version.is_ok_and(|version| version == which.schema().newest())
}

/// `table x`, `column x.y`, `index z`, `trigger t`.
fn objects(conn: &Connection) -> Result<BTreeSet<String>> {
    let sql = "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'
               UNION ALL SELECT 'column ' || s.name || '.' || c.name
               FROM sqlite_schema AS s, pragma_table_info(s.name) AS c WHERE s.type = 'table'";
    rows::all(conn, sql, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(break_it: &str, level: Level, message: &str) {
        let conn = expected(Which::Agentx).expect("ours");
        conn.pragma_update(None, "user_version", Which::Agentx.schema().newest()).expect("set");
        conn.execute_batch(break_it).expect("broken");
        let (finding, _) = schema(&conn, Which::Agentx).expect("asks");
        assert_eq!(finding.level, level, "{}", finding.message);
        assert!(finding.message.contains(message), "{}", finding.message);
    }

    #[test]
    fn what_is_missing_is_named() {
        check("", Level::Pass, "complete");
        check("CREATE TABLE notes (a)", Level::Pass, "complete");
        check("DROP INDEX messages_turn; DROP TRIGGER images_delete", Level::Warn, "index messages_turn");
        check("ALTER TABLE messages DROP COLUMN model", Level::Fail, "column messages.model");
        check("DROP TABLE turns", Level::Fail, "table turns");
        check("PRAGMA user_version = 0", Level::Warn, "schema 0");
        check("PRAGMA user_version = 99", Level::Fail, "written by schema 99");
    }
}
