//! An older schema of our own is brought up to date, and whatever interrupts that leaves the old state or the new one.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::people::{register, sqlite3, try_login};
use crate::support::server::Server;
use crate::support::{eventually, program};

/// How many moments, and how far apart: the first ones come before the change, the last ones after it.
const MOMENTS: u32 = 16;
const APART: Duration = Duration::from_millis(6);
/// Accounts of the directory, so that its snapshot takes a moment.
const ACCOUNTS: usize = 3000;

/// A stopped directory whose accounts are at schema 1, and one account of which the password is known.
fn at_schema_1() -> tempfile::TempDir {
    let mut server = Server::start();
    register(&server, "alice");
    server.terminate();
    let home = tempfile::tempdir().unwrap();
    copy(&server.data_dir(), &home.path().join("agentx"));
    let database = accounts(home.path());
    let later = sqlite3(
        &database,
        "SELECT 'DROP ' || type || ' ' || name || ';' FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND \
         (type = 'table' AND name NOT IN ('users', 'logins', 'revoked_tokens', 'invites', 'unlocks') OR type = 'trigger' \
         AND name NOT IN ('users_keys_insert', 'users_keys_username', 'users_keys_email', 'users_delete'));",
    );
    let columns: String = [("logins", "device"), ("logins", "lastUsedAt"), ("users", "language"), ("users", "theme")]
        .map(|(table, column)| format!("ALTER TABLE {table} DROP COLUMN {column};"))
        .concat();
    let sql = format!(
        "{later} {columns} PRAGMA user_version = 1; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {ACCOUNTS}) \
         INSERT INTO users (userId, username, passwordHash, containerId, createdAt, updatedAt) \
         SELECT 'u' || i, 'person' || i, hex(randomblob(100)), 'c' || i, 1, 1 FROM n;"
    );
    sqlite3(&database, &sql);
    home
}

/// The schema of accounts that this program makes.
fn newest() -> String {
    let server = Server::start();
    sqlite3(&server.data_dir().join("data/portagent.db"), "PRAGMA user_version")
}

fn accounts(home: &Path) -> std::path::PathBuf {
    home.join("agentx/data/portagent.db")
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn snapshots(home: &Path) -> usize {
    let found = std::fs::read_dir(home.join("agentx/data/snapshots")).into_iter().flatten().flatten();
    found.filter(|entry| entry.file_name().to_string_lossy().starts_with("portagent-schema1-")).count()
}

#[test]
fn killed_at_any_moment_the_schema_is_the_old_or_the_new() {
    let (original, newest) = (at_schema_1(), newest());
    let mut were_old = 0;
    for moment in 0..MOMENTS {
        let home = tempfile::tempdir().unwrap();
        copy(&original.path().join("agentx"), &home.path().join("agentx"));
        let mut command = program(home.path());
        command.args(["-d", "agentx", "-p0", "--host", "127.0.0.1", "--provider", "demo"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(APART * moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let database = accounts(home.path());
        assert_eq!(sqlite3(&database, "PRAGMA integrity_check"), "ok", "moment {moment}");
        let tables = sqlite3(&database, "SELECT count(*) FROM sqlite_schema WHERE name IN ('settings', 'jobs')");
        let version = sqlite3(&database, "PRAGMA user_version");
        let is_whole = (&*version, &*tables) == ("1", "0") || (&version, &*tables) == (&newest, "2");
        assert!(is_whole, "moment {moment}: {version} {tables}");
        assert_eq!(sqlite3(&database, "SELECT count(*) FROM users"), (ACCOUNTS + 1).to_string());
        were_old += u32::from(version == "1");
        if version == newest {
            assert_eq!(snapshots(home.path()), 1, "moment {moment}: nothing is changed before a snapshot has its name");
        }
        if moment % 5 == 0 {
            let server = Server::builder().start_in(home);
            assert_eq!(try_login(server.http(), "alice", crate::support::people::PASSWORD).status, 200);
        }
    }
    assert!(were_old > 0, "the first moments came before the change");
    let home = original;
    let server = Server::builder().start_in(home);
    eventually("the schema is new", || {
        sqlite3(&server.data_dir().join("data/portagent.db"), "PRAGMA user_version") == newest
    });
    assert!(server.stdout().contains("The way back: stop the server, install the former version, and cp"));
}

#[test]
fn a_step_that_fails_leaves_the_old_schema_and_names_the_copy() {
    let home = at_schema_1();
    let database = accounts(home.path());
    sqlite3(&database, "CREATE TABLE jobs (something TEXT);"); // in the way of the step
    let before = sqlite3(&database, "SELECT group_concat(name || coalesce(sql, ''), char(10)) FROM sqlite_schema");
    let mut command = program(home.path());
    command.args(["-d", "agentx", "-p0", "--host", "127.0.0.1", "--provider", "demo"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot bring") && said.contains("portagent.db to schema "), "{said}");
    assert!(said.contains("hint:  nothing was changed; a verified copy is at"), "{said}");
    let after = sqlite3(&database, "SELECT group_concat(name || coalesce(sql, ''), char(10)) FROM sqlite_schema");
    assert_eq!((after, sqlite3(&database, "PRAGMA user_version")), (before, "1".to_owned()));
    assert_eq!(snapshots(home.path()), 1);
}
