//! Looks at a database file before anything is opened: what is damaged, cut short or too new is named, and neither it
//! nor the database beside it is changed.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::migrate;
use crate::domain::{Code, Error, Result};
use crate::store::sqlite::header::{Header, bytes_of, has_journal, has_wal};
use crate::store::sqlite::{failure, open};

/// What can be seen without SQLite, which would replay a log.
///
/// Errors: `Unavailable` when the file cannot be read, is no database, is cut short, or is gone while its log is there.
pub fn look_at_header(path: &Path) -> Result<()> {
    let has_log = has_wal(path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return if has_log { Err(missing(path)) } else { Ok(()) };
        }
        Err(cause) => return Err(open::not_writable(path, cause)),
    };
    let bytes = file.metadata().map_err(|cause| open::not_writable(path, cause))?.len();
    if bytes == 0 {
        // So it is made when a directory is new.
        return if has_log { Err(damaged(path, "it is empty, but its log is not")) } else { Ok(()) };
    }
    let header = Header::read(&file).map_err(|cause| damaged(path, &format!("it cannot be read: {cause}")))?;
    let Some(header) = header.filter(Header::is_sqlite) else {
        return Err(damaged(path, "it is not an SQLite database"));
    };
    // With a log or journal beside it the file may be shorter than it says, until that is replayed.
    if let (Some(pages), false) = (header.pages(), has_log || has_journal(path))
        && bytes < u64::from(pages) * u64::from(header.page_bytes())
    {
        let whole = u64::from(pages) * u64::from(header.page_bytes());
        return Err(damaged(path, &format!("it is cut short, {bytes} of {whole} bytes are there")));
    }
    Ok(())
}

/// What SQLite says about it, without writing to it.
///
/// Errors: `Unavailable` when it is damaged or was written by a newer program.
pub fn look_inside(path: &Path, schema: &migrate::Schema) -> Result<()> {
    // What a journal has to undo is undone by writing only.
    if bytes_of(path) == 0 || has_journal(path) {
        return Ok(());
    }
    let conn = read_only(path)?;
    let version: i64 = ask(&conn, path, "PRAGMA user_version")?;
    if version > schema.newest() {
        return Err(migrate::newer(path, version, schema.newest()));
    }
    let tables = "SELECT coalesce(group_concat(name, char(10)), '') FROM sqlite_schema WHERE type = 'table' \
                  AND sql NOT LIKE 'CREATE VIRTUAL%'";
    let tables: String = ask(&conn, path, tables)?;
    // Not all of it, that is for the integrity check: the first page of each table.
    for table in tables.lines() {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.replace('"', "\"\""));
        ask::<i64>(&conn, path, &sql)?;
    }
    Ok(())
}

/// Errors: `Unavailable` where the file is missing or empty although the other database has content (`table` is one of
/// its tables), so that no empty service begins beside it.
pub fn check_not_lost(path: &Path, other: &Path, table: &str) -> Result<()> {
    if bytes_of(path) > 0 || bytes_of(other) == 0 {
        return Ok(());
    }
    let has_content = || {
        let conn = read_only(other)?;
        // Portagent 1.9 made its files one by one.
        let is_ours = ask::<i64>(&conn, other, "PRAGMA user_version")? > 0;
        Ok::<_, Error>(
            (path.exists() || is_ours) && ask(&conn, other, &format!("SELECT EXISTS (SELECT 1 FROM {table})"))?,
        )
    };
    match has_content().unwrap_or(false) {
        false => Ok(()),
        true if path.exists() => Err(damaged(path, "it is empty, though there are accounts and conversations")),
        true => Err(Error::unavailable(
            "database_missing",
            format!("{} is missing, though {} has content", path.display(), other.display()),
        )
        .hint("put the file back or restore a backup; `portagent serve --new` begins without it")),
    }
}

/// Without a log nothing has to be replayed, and SQLite makes no files.
fn read_only(path: &Path) -> Result<Connection> {
    open::read_only(path, !has_wal(path)).map_err(|cause| refused(path, cause))
}

fn ask<T: rusqlite::types::FromSql>(conn: &Connection, path: &Path, sql: &str) -> Result<T> {
    conn.query_row(sql, [], |row| row.get(0)).map_err(|cause| refused(path, cause))
}

fn refused(path: &Path, cause: rusqlite::Error) -> Error {
    let error = Error::from(cause);
    if error.code == Code::DATABASE_DAMAGED { damaged(path, &error.with_cause()) } else { error.named(path) }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::unavailable(Code::DATABASE_DAMAGED, format!("cannot open {}: {what}", path.display())).hint(failure::DAMAGED)
}

fn missing(path: &Path) -> Error {
    Error::unavailable(
        "database_missing",
        format!("{} is missing, but its log {0}-wal is there, with words that nothing else has", path.display()),
    )
    .hint("put the file back, restore a backup with `portagent restore FILE`, or move the -wal file away")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::store::sqlite::header::beside;
    use crate::store::sqlite::rows;

    static ANY: migrate::Schema = migrate::Schema { name: "test", steps: &[], is_legacy: |_| Ok(false) };

    #[test]
    fn a_commit_that_a_crash_cut_off_is_no_damage() {
        let home = tempfile::tempdir().expect("a directory");
        let (path, crashed) = (home.path().join("a.db"), home.path().join("b.db"));
        let conn = Connection::open(&path).expect("opens");
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) \
                    INSERT INTO t SELECT zeroblob(900) FROM n";
        conn.execute_batch(&format!("CREATE TABLE t (x); {fill}; PRAGMA cache_size = 10")).expect("fills");
        let bytes = bytes_of(&path);
        // More than the cache holds: pages are written before the commit.
        conn.execute_batch(&format!("BEGIN; {fill}; UPDATE t SET x = zeroblob(901)")).expect("changes");
        for suffix in ["", "-journal"] {
            std::fs::copy(beside(&path, suffix), beside(&crashed, suffix)).expect("copies");
        }
        // The first page was written, the last ones were not.
        let file = std::fs::OpenOptions::new().write(true).open(&crashed).expect("opens");
        file.write_all_at(&10_000_u32.to_be_bytes(), 28).expect("writes the number of pages");
        file.set_len(bytes).expect("cuts");
        look_at_header(&crashed).and_then(|()| look_inside(&crashed, &ANY)).expect("it may be opened");
        let again = open::writer(&crashed).expect("opens");
        assert_eq!(rows::count(&again, "SELECT count(*) FROM t WHERE length(x) = 900", []).expect("reads"), 2000);
        drop(again);
        std::fs::write(&crashed, &std::fs::read(&crashed).expect("reads")[..8192]).expect("cuts");
        assert_eq!(look_at_header(&crashed).expect_err("without a journal").code, Code::DATABASE_DAMAGED);
    }
}
