//! Is a database whole: its pages, its schema, and what its rows say of each other.

use std::path::Path;

use rusqlite::Connection;

use super::{Which, counted, finding, open_to_read, schema_check};
use crate::domain::Result;
use crate::domain::finding::{Finding, Level};
use crate::store::migrations;
use crate::store::sqlite::{rows, verdict};
use crate::store::tables::{content, stored};

/// Complaints of SQLite's own check that are read; the first is shown.
const COMPLAINTS: usize = 100;
/// Instructions of SQLite's machine between two looks at whether to stop.
const INSTRUCTIONS: i32 = 2000;

/// Looks at one database. `quick` leaves out what reads every row.
pub fn check(directory: &Path, which: Which, quick: bool) -> Vec<Finding> {
    let place = which.file();
    let conn = match open_to_read(&which.path(directory)) {
        Ok(conn) => conn,
        Err(error) => return vec![finding(place, "opens", Level::Fail, 1, error.with_cause())],
    };
    let mut found = vec![integrity(&conn, place, quick)];
    let (schema, is_ours) = match schema_check::schema(&conn, which) {
        Ok(outcome) => outcome,
        Err(error) => (finding(place, "schema", Level::Fail, 1, error.with_cause()), false),
    };
    found.push(schema);
    found.push(asked(place, "foreign_programs", foreign_programs(&conn, which)));
    // A damaged file would answer every other question with the same complaint, or wrongly.
    if !is_ours || found[0].level == Level::Fail {
        return found;
    }
    found.push(asked(place, "foreign_keys", foreign_keys(&conn, place)));
    if which == Which::Agentx {
        found.extend(DANGLING.iter().map(|row| asked(place, row.0, dangling(&conn, row))));
        if !quick {
            found.push(asked(place, "contents", contents(&conn, place)));
            found.push(asked(place, "stored_bytes", stored_bytes(&conn, place)));
        }
    }
    found
}

/// Checks the pages of every table in turn, so that no snapshot is held for long while people write, and asks now and
/// then whether to stop. `None`: it was stopped.
///
/// Errors: `Unavailable` when the file cannot be read at all.
pub fn integrity_by_table(
    directory: &Path,
    which: Which,
    mut should_stop: impl FnMut() -> bool + Send + Clone + 'static,
) -> Result<Option<Vec<String>>> {
    let mut conn = open_to_read(&which.path(directory))?;
    conn.progress_handler(INSTRUCTIONS, Some(should_stop.clone()))?;
    let tables: Vec<String> = texts(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")?;
    let mut complaints = Vec::new();
    for table in tables {
        let sql = format!("PRAGMA integrity_check(\"{}\")", table.replace('"', "\"\""));
        let lines = match texts(&conn, &sql) {
            _ if should_stop() => return Ok(None),
            lines => lines?,
        };
        complaints
            .extend(lines.iter().filter(|line| *line != "ok").take(COMPLAINTS).map(|line| verdict::readable(line)));
    }
    Ok(Some(complaints))
}

fn integrity(conn: &Connection, place: &'static str, quick: bool) -> Finding {
    let pragma = if quick { "quick_check" } else { "integrity_check" };
    let lines = match texts(conn, &format!("PRAGMA {pragma}({COMPLAINTS})")) {
        Ok(lines) => lines,
        Err(error) => return finding(place, "integrity", Level::Fail, 1, error.with_cause()),
    };
    match lines.iter().find(|line| *line != "ok") {
        None => finding(place, "integrity", Level::Pass, 0, format!("{pragma} says ok")),
        Some(first) => {
            let count = lines.len() as u64;
            finding(place, "integrity", Level::Fail, count, format!("{pragma}: {}", verdict::readable(first)))
        }
    }
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    rows::all(conn, sql, [], |row| row.get(0))
}

/// A question that could not be asked is an answer too.
fn asked(place: &'static str, name: &'static str, answer: Result<Finding>) -> Finding {
    answer.unwrap_or_else(|error| finding(place, name, Level::Fail, 1, error.with_cause()))
}

fn foreign_programs(conn: &Connection, which: Which) -> Result<Finding> {
    let foreign: Vec<String> = migrations::foreign_programs(conn, which)?.iter().map(ToString::to_string).collect();
    let message = match foreign.is_empty() {
        true => "no triggers, views or virtual tables but our own".to_owned(),
        false => format!("made by another program, and never run by this one: {}", foreign.join(", ")),
    };
    Ok(counted(which.file(), "foreign_programs", Level::Fail, foreign.len() as u64, message))
}

fn foreign_keys(conn: &Connection, place: &'static str) -> Result<Finding> {
    let broken = rows::count(conn, "SELECT count(*) FROM pragma_foreign_key_check", [])?;
    let message = match broken {
        0 => "every row has what it refers to".to_owned(),
        n => format!("{n} rows refer to one that is gone"),
    };
    Ok(counted(place, "foreign_keys", Level::Warn, broken, message))
}

/// Name, question, and what it means.
type Dangling = (&'static str, &'static str, &'static str);

const DANGLING: &[Dangling] = &[
    (
        "sessions_without_conversation",
        "SELECT count(*) FROM sessions WHERE imageId NOT IN (SELECT imageId FROM images)",
        "sessions whose conversation is gone",
    ),
    (
        "conversations_without_session",
        "SELECT count(*) FROM images WHERE sessionId NOT IN (SELECT sessionId FROM sessions)",
        "conversations without their session",
    ),
    (
        "turns_without_session",
        "SELECT count(*) FROM turns WHERE sessionId NOT IN (SELECT sessionId FROM sessions)",
        "turns that belong to no session",
    ),
    (
        "messages_without_session",
        "SELECT count(*) FROM messages WHERE sessionId NOT IN (SELECT sessionId FROM sessions)",
        "messages that belong to no session",
    ),
    (
        "messages_without_turn",
        "SELECT count(*) FROM messages WHERE turnId IS NOT NULL AND turnId NOT IN (SELECT turnId FROM turns)",
        "messages whose turn is gone",
    ),
];

fn dangling(conn: &Connection, (name, sql, what): &Dangling) -> Result<Finding> {
    let found = rows::count(conn, sql, [])?;
    Ok(counted(Which::Agentx.file(), name, Level::Warn, found, format!("{found} {what}")))
}

/// Every message's content is read as it would be for a person.
fn contents(conn: &Connection, place: &'static str) -> Result<Finding> {
    let mut statement = conn.prepare("SELECT content FROM messages")?;
    let mut rows = statement.query([])?;
    let (mut all, mut unreadable) = (0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        all += 1;
        let readable = row.get_ref(0)?.as_str().is_ok_and(content::is_readable);
        unreadable += u64::from(!readable);
    }
    let message = format!("{unreadable} of {all} messages have a content that cannot be read");
    Ok(counted(place, "contents", Level::Warn, unreadable, message))
}

/// What people have stored is counted while they store it: does the count say what is there?
fn stored_bytes(conn: &Connection, place: &'static str) -> Result<Finding> {
    let wrong = stored::count_wrong(conn)?;
    let message = match wrong {
        0 => "what people have stored is counted rightly".to_owned(),
        n => format!("{n} conversations are counted wrongly: `portagent db optimize agentx` counts them anew"),
    };
    Ok(counted(place, "stored_bytes", Level::Warn, wrong, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Store;

    #[test]
    fn a_look_at_every_page_stops_when_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let _store = Store::open(directory.path()).expect("opens");
        let look = |is_stopped: bool| integrity_by_table(directory.path(), Which::Agentx, move || is_stopped);
        assert_eq!(look(false).expect("looks"), Some(Vec::new()));
        assert_eq!(look(true).expect("stops"), None);
    }

    #[test]
    fn what_another_program_put_into_a_database_is_a_failure_and_never_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("opens");
        let conn = Connection::open(Which::Portagent.path(directory.path())).expect("opens");
        let foreign = |conn: &Connection| -> String {
            let found = check(directory.path(), Which::Portagent, true);
            drop(conn.query_row("SELECT 1", [], |_| Ok(())));
            let finding = found.into_iter().find(|finding| finding.name == "foreign_programs").expect("is checked");
            assert_eq!(finding.level == Level::Fail, finding.count > Some(0), "{}", finding.message);
            if finding.count > Some(0) { finding.message } else { String::new() }
        };
        assert_eq!(foreign(&conn), "");
        conn.execute_batch(
            "CREATE TRIGGER planted AFTER INSERT ON settings BEGIN UPDATE settings SET value = 'stolen'; END;
             CREATE VIEW seen AS SELECT * FROM users;
             DROP TRIGGER users_delete; CREATE TRIGGER users_delete AFTER DELETE ON users BEGIN SELECT 1; END;",
        )
        .expect("plants");
        let message = foreign(&conn);
        for name in ["trigger planted", "view seen", "trigger users_delete"] {
            assert!(message.contains(name), "{message}");
        }
        store.set_setting("a", Some("mine".to_owned())).expect("is stored");
        assert_eq!(store.setting("a").expect("reads").as_deref(), Some("mine"), "the trigger did not run");
    }
}
