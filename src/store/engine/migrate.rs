//! Brings a database's schema up to date: a snapshot first, then one transaction for each step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::domain::{Error, Kind, Result};
use crate::store::files::snapshot;
use crate::store::sqlite::failure;
use crate::store::sqlite::programs::programs;
use crate::store::sqlite::{open, rows};

/// A schema step: what `PRAGMA user_version` is after it, and how it is done.
pub struct Step {
    pub version: i64,
    pub apply: fn(&Connection) -> Result<()>,
}

/// A database's steps, in order.
pub struct Schema {
    /// For messages and file names: `agentx` or `portagent`.
    pub name: &'static str,
    pub steps: &'static [Step],
    /// Recognises a file of Portagent 1.9, which has no version.
    pub is_legacy: fn(&Connection) -> Result<bool>,
}

impl Schema {
    pub fn newest(&self) -> i64 {
        self.steps.last().map_or(0, |step| step.version)
    }
}

/// Errors: `Unavailable` for a file of a newer program, which is left untouched, and for a step that failed, which
/// is rolled back.
pub fn bring_up_to_date(conn: &mut Connection, path: &Path, schema: &Schema) -> Result<()> {
    let version = version(conn)?;
    if version > schema.newest() {
        return Err(newer(path, version, schema.newest()));
    }
    if version == schema.newest() {
        return Ok(());
    }
    open::prepare_new(conn)?;
    let is_legacy = (schema.is_legacy)(conn)?;
    let foreign = if is_legacy { programs(conn)? } else { BTreeSet::new() };
    if !foreign.is_empty() {
        return Err(failure::foreign(path, &foreign));
    }
    let has_data = version > 0 || is_legacy;
    let snapshot = if has_data { Some(take_snapshot(conn, path, schema, version)?) } else { None };
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in schema.steps.iter().filter(|step| step.version > version) {
        (step.apply)(&transaction).map_err(|error| failed(path, step.version, snapshot.as_deref(), error))?;
        transaction.pragma_update(None, "user_version", step.version)?;
    }
    transaction.commit()?;
    if has_data {
        log::info!(target: "store", "{} is now at schema {}", path.display(), schema.newest());
    }
    Ok(())
}

fn version(conn: &Connection) -> Result<i64> {
    rows::value(conn, "PRAGMA user_version", [])
}

fn take_snapshot(conn: &Connection, path: &Path, schema: &Schema, version: i64) -> Result<PathBuf> {
    let file = snapshot::take(conn, path, &format!("{}-schema{version}", schema.name))?;
    log::info!(
        target: "store",
        "{} is at schema {version}; before changing it a verified snapshot was taken. \
         The way back: stop the server, install the former version, and cp {} {}",
        path.display(),
        file.display(),
        path.display(),
    );
    Ok(file)
}

pub fn newer(path: &Path, found: i64, known: i64) -> Error {
    Error::new(
        Kind::Unavailable,
        "schema_too_new",
        format!("cannot open {}: it was written by schema {found}, this program knows {known}", path.display()),
    )
    .hint("install the newer portagent again, or restore the snapshot that was taken before its upgrade")
}

fn failed(path: &Path, version: i64, snapshot: Option<&Path>, error: Error) -> Error {
    let hint = match snapshot {
        Some(file) => format!("nothing was changed; a verified copy is at {}", file.display()),
        None => "nothing was changed".to_owned(),
    };
    Error::new(
        Kind::Unavailable,
        "migration_failed",
        format!("cannot bring {} to schema {version}: {}", path.display(), error.with_cause()),
    )
    .hint(hint)
    .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    static FAILING: Schema = Schema {
        name: "test",
        steps: &[
            Step { version: 1, apply: |conn| Ok(conn.execute_batch("CREATE TABLE t (x)")?) },
            Step { version: 2, apply: |conn| Ok(conn.execute_batch("INSERT INTO t VALUES (1); nonsense")?) },
        ],
        is_legacy: |_| Ok(false),
    };

    #[test]
    fn a_step_that_fails_again_leaves_no_second_snapshot() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("test.db");
        std::fs::File::create(&path).expect("is made");
        let mut conn = open::writer(&path).expect("opens");
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA user_version = 1").expect("is made");
        let mut kept_after_a_try = || {
            let error = bring_up_to_date(&mut conn, &path, &FAILING).expect_err("fails");
            assert_eq!(error.code, "migration_failed");
            std::fs::read_dir(home.path().join("snapshots")).expect("is there").count()
        };
        assert_eq!((kept_after_a_try(), kept_after_a_try()), (1, 1));
        std::fs::rename(first(home.path()), home.path().join("snapshots/test-schema1-20200101-000000.db"))
            .expect("moves");
        assert_eq!(kept_after_a_try(), 1, "also one of another day");
        Connection::open(&path).and_then(|conn| conn.execute_batch("INSERT INTO t VALUES (2)")).expect("inserts");
        assert_eq!(kept_after_a_try(), 2, "other data is another snapshot");
    }

    fn first(home: &Path) -> PathBuf {
        std::fs::read_dir(home.join("snapshots")).expect("lists").next().expect("one").expect("reads").path()
    }
}
