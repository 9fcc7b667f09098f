//! What a database file that is no longer written says about itself: a copy, or one out of an archive that may come
//! from anywhere.

use std::path::Path;

use rusqlite::Connection;

use crate::domain::{Error, Result};
use crate::store::migrations::{self, Which};
use crate::store::sqlite::{failure, open, verdict};

/// Page cache in KiB.
const CACHE_KIB: i64 = 1024;
/// Instructions of SQLite's machine between two looks at whether to go on.
const INSTRUCTIONS: i32 = 2000;
/// Complaints of `integrity_check` that are shown.
const COMPLAINTS: usize = 3;

/// What is asked now and then whether to stop; it may also sleep, to leave the machine to others.
pub type Interruption = Box<dyn FnMut() -> bool + Send>;

/// A database file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `PRAGMA user_version`.
    pub schema: i64,
    pub page_bytes: u64,
    /// Tables by name, each with its number of rows.
    pub rows: Vec<(String, u64)>,
}

/// What `integrity_check` and `foreign_key_check` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub facts: Facts,
    /// Rows whose parent is missing: the operator's own deletions make them, so they are no damage.
    pub orphan_rows: u64,
}

/// The newest schema that this program knows, of a file in `data/`.
pub fn newest_schema(file: &str) -> Option<i64> {
    match file {
        "agentx.db" => Some(migrations::AGENTX.newest()),
        "portagent.db" => Some(migrations::PORTAGENT.newest()),
        _ => None,
    }
}

/// Schema, page size and row counts.
///
/// Errors: `Unavailable` for a file that is damaged or no database; `Conflict` when it was interrupted.
pub fn facts(file: &Path, interruption: Interruption) -> Result<Facts> {
    read_facts(&connect(file, interruption)?).map_err(|cause| problem(file, cause))
}

/// The same after looking at every page and every reference.
///
/// Errors: `Unavailable` for a file that is damaged or no database; `Conflict` when it was interrupted.
pub fn check(file: &Path, interruption: Interruption) -> Result<Verdict> {
    let conn = connect(file, interruption)?;
    let look = || -> rusqlite::Result<(Vec<String>, u64)> {
        let mut statement = conn.prepare("PRAGMA integrity_check")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        let complaints: Vec<String> = lines.take(COMPLAINTS).collect::<rusqlite::Result<_>>()?;
        let mut references = conn.prepare("PRAGMA foreign_key_check")?;
        let mut rows = references.query([])?;
        let mut orphans = 0;
        while rows.next()?.is_some() {
            orphans += 1;
        }
        Ok((complaints, orphans))
    };
    let (complaints, orphan_rows) = look().map_err(|cause| problem(file, cause))?;
    if complaints != ["ok"] {
        return Err(damaged(file, &verdict::readable(&complaints.join("\n"))));
    }
    Ok(Verdict { facts: read_facts(&conn).map_err(|cause| problem(file, cause))?, orphan_rows })
}

/// Errors: `Invalid` for a file of `data/` with triggers, views or virtual tables that our migrations do not make.
pub fn refuse_foreign_programs(file: &Path) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let Some(which) = Which::from_name(&name) else { return Ok(()) };
    let foreign = migrations::foreign_programs(&open::read_only(file, false)?, which)?;
    if foreign.is_empty() { Ok(()) } else { Err(failure::foreign(Path::new(&*name), &foreign)) }
}

fn connect(file: &Path, interruption: Interruption) -> Result<Connection> {
    let mut conn = open::read_only(file, false).map_err(|cause| problem(file, cause))?;
    conn.progress_handler(INSTRUCTIONS, Some(interruption))?;
    let prepare = || -> rusqlite::Result<()> {
        conn.pragma_update(None, "cell_size_check", true)?;
        conn.pragma_update(None, "query_only", true)?;
        conn.pragma_update(None, "cache_size", -CACHE_KIB)
    };
    prepare().map_err(|cause| problem(file, cause))?;
    Ok(conn)
}

fn read_facts(conn: &Connection) -> rusqlite::Result<Facts> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = Vec::with_capacity(tables.len());
    for table in tables {
        let count = number(&format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\"")))?;
        rows.push((table, u64::try_from(count).unwrap_or(0)));
    }
    Ok(Facts {
        schema: number("PRAGMA user_version")?,
        page_bytes: u64::try_from(number("PRAGMA page_size")?).unwrap_or(0),
        rows,
    })
}

fn problem(file: &Path, cause: rusqlite::Error) -> Error {
    match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => Error::conflict("stopped", "stopped before the end"),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            damaged(file, &cause.to_string())
        }
        _ => Error::from(cause).named(file),
    }
}

fn damaged(file: &Path, how: &str) -> Error {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Error::unavailable("database_damaged", format!("{name} is damaged: {how}"))
        .hint("`portagent db check` looks at the live databases; an older backup may be good")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Store;

    fn go_on() -> Interruption {
        Box::new(|| false)
    }

    #[test]
    fn a_file_says_what_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        store.close();
        let file = home.path().join("data/agentx.db");
        let conn = Connection::open(&file).unwrap();
        conn.execute_batch("PRAGMA journal_mode=DELETE; CREATE TABLE \"a \"\"b\" (x); INSERT INTO \"a \"\"b\" VALUES (1), (2); PRAGMA foreign_keys=OFF; INSERT INTO turns VALUES ('t','none',1,'m','completed',0,0,0,0,0,0,0,0,NULL,NULL);").unwrap();
        drop(conn);
        let verdict = check(&file, go_on()).unwrap();
        assert_eq!(verdict.facts.schema, newest_schema("agentx.db").unwrap());
        assert!(verdict.facts.rows.contains(&("a \"b".to_owned(), 2)), "{verdict:?}");
        assert_eq!(verdict.orphan_rows, 1, "a turn of no session");
        assert_eq!(facts(&file, go_on()).unwrap(), verdict.facts);
    }

    #[test]
    fn a_long_look_can_be_stopped() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("x.db");
        let conn = Connection::open(&file).unwrap();
        conn.execute_batch("CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) INSERT INTO t SELECT randomblob(50) FROM n;").unwrap();
        assert_eq!(check(&file, Box::new(|| true)).unwrap_err().code, "stopped");
        assert!(check(&file, go_on()).is_ok());
    }

    #[test]
    fn damage_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("x.db");
        std::fs::write(&file, b"this is no database, though it is long enough to be looked at").unwrap();
        assert_eq!(check(&file, go_on()).unwrap_err().code, "database_damaged");
        std::fs::remove_file(&file).unwrap();
        let conn = Connection::open(&file).unwrap();
        conn.execute_batch("CREATE TABLE t (x); CREATE INDEX i ON t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t SELECT randomblob(50) FROM n;").unwrap();
        drop(conn);
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 600].fill(0);
        std::fs::write(&file, bytes).unwrap();
        let error = check(&file, go_on()).unwrap_err();
        assert_eq!(error.code, "database_damaged");
        assert!(error.message.starts_with("x.db is damaged: "), "{error}");
    }
}
