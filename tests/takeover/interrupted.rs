//! The power fails while the old data is taken over.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use super::{contents, dirty, everything, old_data, snapshots};
use crate::support::people::{sqlite3, try_login};
use crate::support::program;
use crate::support::server::Server;

/// How many moments. They spread over twice the time that a whole start took on this machine just now, so that the
/// first ones come before the take-over and the last ones after it.
const MOMENTS: u32 = 24;

#[test]
fn at_any_moment() {
    let (home, other) = (dirty::large(), dirty::large());
    let began = Instant::now();
    let server = Server::builder().start_in(other);
    let apart = began.elapsed() * 2 / MOMENTS;
    let expected = contents(&server);
    drop(server);
    let mut were_old = 0;
    let copies: Vec<_> = (0..MOMENTS).map(|n| (n, dirty::copy_of(home.path()))).collect();
    for (n, home) in copies {
        let mut command = program(home.path());
        command.args(["-d", "agentx", "-p0", "--host", "127.0.0.1", "--provider", "demo"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(apart * n);
        child.kill().unwrap();
        child.wait().unwrap();
        let database = home.path().join("agentx/data/agentx.db");
        let is_old = sqlite3(&database, "SELECT count(*) FROM sqlite_schema WHERE name = 'kv_storage'") == "1";
        were_old += u32::from(is_old);
        if n % 4 == 0 || n > MOMENTS - 3 {
            continue_from(home, &expected, n);
        } else {
            check_without_start(&database, is_old, n);
        }
    }
    assert!(were_old > 0 && were_old < MOMENTS, "some moments came before its end, some after it: {were_old}");
}

/// Everything is there at the next start.
fn continue_from(home: tempfile::TempDir, expected: &str, n: u32) {
    let server = Server::builder().start_in(home);
    assert_eq!(contents(&server), expected, "moment {n}");
    assert!(!snapshots(&server, "agentx").is_empty());
    let answer = try_login(server.http(), "ops1", "secret123");
    assert_eq!(everything(&server, answer.json()["token"].as_str().unwrap()).len(), dirty::CONVERSATIONS_OF_OPS1);
}

/// Either all of the old or all of the new, and nothing in between.
fn check_without_start(database: &std::path::Path, is_old: bool, n: u32) {
    assert_eq!(sqlite3(database, "PRAGMA integrity_check"), "ok", "moment {n}");
    let version = sqlite3(database, "PRAGMA user_version");
    assert_eq!(version == "0", is_old, "moment {n}");
    let sql = if is_old { "SELECT count(*) FROM kv_storage" } else { "SELECT count(*) FROM images" };
    assert!(sqlite3(database, sql).parse::<usize>().unwrap() >= dirty::CONVERSATIONS_OF_OPS1, "moment {n}");
}

#[test]
fn triggers_that_1_9_did_not_make_are_refused_and_nothing_is_changed() {
    let check = |name: &str, plant: &str, said: &str| {
        let home = old_data();
        let database = home.path().join("agentx/data").join(name);
        sqlite3(&database, plant);
        let before = fs::read(&database).unwrap();
        for arguments in
            [&["user", "list", "--data-dir", "agentx"][..], &["serve", "--port", "0", "--data-dir", "agentx"]]
        {
            let run = crate::support::run(home.path(), arguments);
            assert_ne!(run.code, Some(0), "{}", run.stdout);
            assert!(run.stderr.contains(said) && run.stderr.contains("DROP"), "{}", run.stderr);
        }
        assert_eq!(fs::read(&database).unwrap(), before, "nothing was changed");
    };
    let trigger = "CREATE TRIGGER planted AFTER INSERT ON users BEGIN UPDATE users SET isActive = 0; END";
    check("portagent.db", trigger, "trigger planted");
    check("agentx.db", "CREATE VIEW seen AS SELECT * FROM kv_storage", "view seen");
}
