//! The last runs of scheduled jobs, in `portagent.db`: one row a job. A backup made from the command line counts like one
//! that the schedule made.

use rusqlite::{Connection, Row, params};

use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

const COLUMNS: &str = "name, lastStartedAt, lastEndedAt, lastOkAt, lastError, detail";
/// The longest error and detail that are kept, in characters.
const TEXT_CHARS: usize = 4000;

/// The last runs of one job. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    pub name: String,
    pub last_started_at: Option<i64>,
    pub last_ended_at: Option<i64>,
    pub last_ok_at: Option<i64>,
    /// Why the last run failed; `None` when it did not.
    pub last_error: Option<String>,
    /// What the last good run reported.
    pub detail: Option<String>,
}

impl Store {
    /// Notes that a job begins.
    pub fn job_begins(&self, name: &'static str) -> Result<()> {
        self.accounts.write(move |conn| {
            rows::change(
                conn,
                "INSERT INTO jobs (name, lastStartedAt) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET lastStartedAt = excluded.lastStartedAt",
                params![name, clock::now_ms()],
            )
            .map(drop)
        })
    }

    /// Notes how a job ended: with its result, or with the sentence that says why it failed.
    pub fn job_ended(&self, name: &'static str, outcome: Result<&str, &str>) -> Result<()> {
        let (detail, problem) = match outcome {
            Ok(detail) => (Some(shortened(detail)), None),
            Err(problem) => (None, Some(shortened(problem))),
        };
        self.accounts.write(move |conn| {
            let now = clock::now_ms();
            let ok_at = problem.is_none().then_some(now);
            rows::change(
                conn,
                "INSERT INTO jobs (name, lastEndedAt, lastOkAt, lastError, detail) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (name) DO UPDATE SET lastEndedAt = excluded.lastEndedAt, \
                 lastOkAt = coalesce(excluded.lastOkAt, lastOkAt), lastError = excluded.lastError, \
                 detail = coalesce(excluded.detail, detail)",
                params![name, now, ok_at, problem, detail],
            )
            .map(drop)
        })
    }

    /// `None` for a job that never ran.
    pub fn job(&self, name: &str) -> Result<Option<JobRecord>> {
        self.accounts.read(|conn| recorded(conn, name))
    }

    pub fn jobs(&self) -> Result<Vec<JobRecord>> {
        self.accounts.read(|conn| rows::all(conn, &format!("SELECT {COLUMNS} FROM jobs ORDER BY name"), [], record))
    }
}

/// The same on a connection of the caller's own.
pub fn recorded(conn: &Connection, name: &str) -> Result<Option<JobRecord>> {
    rows::first(conn, &format!("SELECT {COLUMNS} FROM jobs WHERE name = ?1"), [name], record)
}

fn record(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    Ok(JobRecord {
        name: row.get(0)?,
        last_started_at: row.get(1)?,
        last_ended_at: row.get(2)?,
        last_ok_at: row.get(3)?,
        last_error: row.get(4)?,
        detail: row.get(5)?,
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_hide_the_last_good_run() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("opens");
        assert_eq!(store.job("backup").expect("reads"), None);
        store.job_begins("backup").expect("is stored");
        store.job_ended("backup", Ok("12 files")).expect("is stored");
        let good = store.job("backup").expect("reads").expect("is there");
        assert_eq!((good.last_error.as_deref(), good.detail.as_deref()), (None, Some("12 files")));
        store.job_ended("backup", Err("the disk is full")).expect("is stored");
        let bad = store.job("backup").expect("reads").expect("is there");
        assert_eq!(bad.last_error.as_deref(), Some("the disk is full"));
        assert_eq!((bad.last_ok_at, bad.detail), (good.last_ok_at, good.detail));
        assert_eq!(store.jobs().expect("reads").len(), 1);
    }
}
