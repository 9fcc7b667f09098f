//! A start on data that is not as it should be: named with the way out, and nothing is changed.

use std::fs;
use std::path::Path;

use crate::support::chat::register;
use crate::support::people::sqlite3;
use crate::support::server::Server;

const FILES: [&str; 2] = ["data/agentx.db", "data/portagent.db"];

fn stopped() -> Server {
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    server
}

/// Damages one database and starts: what is said; both files have to be what they were.
fn refused(server: &Server, file: &str, damage: impl FnOnce(&Path)) -> String {
    let whole: Vec<_> = FILES.map(|file| fs::read(server.data_dir().join(file)).unwrap()).to_vec();
    damage(&server.data_dir().join(file));
    let before: Vec<_> = FILES.map(|file| fs::read(server.data_dir().join(file)).unwrap()).to_vec();
    for command in [&["serve", "--port", "0"][..], &["user", "list"]] {
        let run = server.run(command);
        assert_eq!(run.code, Some(1), "{command:?}: {}{}", run.stdout, run.stderr);
        let after: Vec<_> = FILES.map(|file| fs::read(server.data_dir().join(file)).unwrap()).to_vec();
        assert!(after == before, "{command:?} changed a file");
    }
    let said = server.run(&["serve", "--port", "0"]).stderr;
    for (file, content) in FILES.iter().zip(whole) {
        fs::write(server.data_dir().join(file), content).unwrap();
    }
    said
}

#[test]
fn a_damaged_database_is_named_with_the_ways_out_and_the_other_is_left_alone() {
    let server = stopped();
    for file in FILES {
        let check = |said: String, what: &str| {
            assert!(said.starts_with("error: cannot open ") && said.contains(file) && said.contains(what), "{said}");
            assert!(said.contains("hint: ") && said.contains("portagent restore FILE"), "{said}");
            assert!(said.contains("portagent db recover"), "{said}");
        };
        check(refused(&server, file, |path| fs::write(path, "x".repeat(5000)).unwrap()), "not an SQLite database");
        check(refused(&server, file, |path| fs::write(path, "x").unwrap()), "not an SQLite database");
        let half = |path: &Path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        };
        check(refused(&server, file, half), "cut short");
        let page = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[100..4096].fill(7);
            fs::write(path, bytes).unwrap();
        };
        check(refused(&server, file, page), "");
        let newer = |path: &Path| drop(sqlite3(path, "PRAGMA user_version = 99"));
        let said = refused(&server, file, newer);
        assert!(said.contains("it was written by schema 99, this program knows"), "{said}");
    }
    let said = refused(&server, FILES[1], |path| {
        fs::write(path, "").unwrap();
        // There was a conversation, so there were accounts.
        sqlite3(&path.with_file_name("agentx.db"), "INSERT INTO containers VALUES ('c', 1, 1);
            INSERT INTO images (imageId, containerId, sessionId, name, createdAt, updatedAt) VALUES ('i', 'c', 's', '', 1, 1);
            INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt) VALUES ('s', 'i', 'c', 1, 1);
            INSERT INTO messages (messageId, sessionId, role, content, status, timestamp, position) VALUES ('m', 's', 'user', '[]', 'complete', 1, 1)");
    });
    assert!(said.contains("it is empty"), "{said}");
    let said = refused(&server, FILES[0], |path| fs::write(path, "").unwrap());
    assert!(said.contains("it is empty"), "{said}");
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let mut server = Server::start();
    register(&server, "ann");
    server.kill9();
    let database = server.data_dir().join("data/portagent.db");
    let log = fs::read(database.with_file_name("portagent.db-wal")).unwrap();
    assert!(!log.is_empty());
    fs::rename(&database, database.with_file_name("away.db")).unwrap();
    let run = server.run(&["serve", "--port", "0"]);
    assert!(run.stderr.contains("portagent.db is missing, but its log"), "{}", run.stderr);
    assert_eq!(fs::read(database.with_file_name("portagent.db-wal")).unwrap(), log);
    fs::rename(database.with_file_name("away.db"), &database).unwrap();
    server.restart();
    assert_eq!(sqlite3(&database, "SELECT username FROM users"), "ann");
}
