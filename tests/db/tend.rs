//! `portagent db stats|vacuum|optimize`, and what a server does by itself for its databases.

use std::fs;

use serde_json::{Value, json};

use super::{agent, done, house, person};
use crate::support::chat;
use crate::support::disk::Tmpfs;
use crate::support::eventually;
use crate::support::people::{sql, sqlite3};
use crate::support::server::Server;

fn database<'a>(report: &'a Value, file: &str) -> &'a Value {
    report["databases"].as_array().unwrap().iter().find(|database| database["file"] == file).unwrap()
}

#[test]
fn stats_say_what_there_is() {
    let chat = house();
    let server = &chat.server;
    person(server, "bob");
    let report = done(server, &["db", "stats"]);
    let agentx = database(&report, "agentx.db");
    assert_eq!(
        (&agentx["pageBytes"], &agentx["journalMode"], &agentx["givesBack"]),
        (&json!(4096), &json!("wal"), &json!(true))
    );
    let rows = |name: &str| {
        let tables = agentx["tables"].as_array().unwrap();
        tables.iter().find(|table| table["name"] == name).unwrap()["rows"].clone()
    };
    assert_eq!((rows("messages"), rows("images"), rows("turns")), (json!(4), json!(2), json!(2)));
    assert_eq!(report["lastBackupAt"], Value::Null);
    sql(
        server,
        "INSERT INTO jobs (name, lastOkAt) VALUES ('backup', 1700000000000) \
                 ON CONFLICT (name) DO UPDATE SET lastOkAt = excluded.lastOkAt",
    );
    let text = server.run(&["db", "stats", "agentx"]);
    assert!(
        text.stdout.contains("agentx.db: ") && text.stdout.contains("last good backup: 2023-11-14 22:13 UTC"),
        "{}",
        text.stdout
    );
    assert!(!text.stdout.contains("portagent.db"), "{}", text.stdout);
    assert_eq!(server.run(&["db", "stats", "other"]).code, Some(2));
}

#[test]
fn a_vacuum_gives_space_back_while_people_chat() {
    let chat = house();
    let server = &chat.server;
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "before");
    agent(
        server,
        "PRAGMA auto_vacuum = NONE; VACUUM; CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(5000000)); DROP TABLE big",
    );
    let changes = done(server, &["db", "vacuum"]);
    let of = |file: &str| changes.as_array().unwrap().iter().find(|change| change["file"] == file).unwrap().clone();
    let bytes = |change: &Value, when: &str| change[when].as_u64().unwrap();
    let agentx = of("agentx.db");
    assert!(bytes(&agentx, "bytesBefore") > 5_000_000 && bytes(&agentx, "bytesAfter") < 1_000_000, "{agentx}");
    assert_eq!(agent(server, "PRAGMA auto_vacuum; PRAGMA integrity_check"), "2\nok");
    assert_eq!(chat::chat(&mut client, &image, "after").last().unwrap()["data"]["reason"], "completed");
    assert_eq!(chat::messages(&mut client, &image).len(), 4);
    let text = server.run(&["db", "optimize"]);
    assert_eq!((text.code, text.stdout.lines().count()), (Some(0), 2), "{}{}", text.stdout, text.stderr);
    assert!(text.stdout.starts_with("portagent.db: "), "{}", text.stdout);
    assert_eq!(chat::chat(&mut client, &image, "and on").last().unwrap()["data"]["reason"], "completed");
}

#[test]
fn where_litestream_follows_the_log_is_left_alone() {
    let mut chat = house();
    let server = &mut chat.server;
    let data = server.data_dir().join("data");
    fs::create_dir(data.join(".agentx.db-litestream")).unwrap();
    person(server, "bob");
    let log = || fs::metadata(data.join("agentx.db-wal")).map_or(0, |file| file.len());
    assert!(log() > 0);
    done(server, &["db", "optimize"]);
    assert!(log() > 0, "its frames stay");
    fs::remove_dir(data.join(".agentx.db-litestream")).unwrap();
    done(server, &["db", "optimize"]);
    assert_eq!(log(), 0);
}

fn last_check(server: &Server) -> String {
    sqlite3(
        &server.data_dir().join("data/portagent.db"),
        "SELECT coalesce(max(lastOkAt), 0) FROM jobs WHERE name = 'integrity'",
    )
}

fn ready(server: &Server) -> Value {
    let report = server.http().get("/health/ready", None).json();
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "integrity").unwrap().clone()
}

#[test]
fn after_a_crash_the_databases_are_checked_soon_and_damage_is_told() {
    let mut chat = house();
    let server = &mut chat.server;
    let container = person(server, "bob");
    eventually("the first check", || last_check(server) != "0");
    let first = last_check(server);
    server.restart();
    assert!(!server.stdout().contains("integrity failed"));
    assert_eq!(ready(server)["status"], "pass");
    server.kill9();
    server.restart();
    eventually("a check after the crash", || last_check(server) != first);
    // The file is changed behind the server's back: an index says other things than its table.
    server.terminate();
    assert!(!server.data_dir().join("portagent.running").exists());
    agent(
        server,
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'updatedAt)', 'createdAt DESC)') \
                   WHERE name = 'images_list'",
    );
    fs::write(server.data_dir().join("portagent.running"), "").unwrap();
    server.restart();
    eventually("the damage is told", || ready(server)["status"] == "fail");
    eventually("and logged", || server.stdout().contains("integrity failed: agentx.db is damaged"));
    assert_eq!(server.http().get("/health/ready", None).status, 503);
    assert_eq!(server.run(&["db", "check"]).code, Some(1));
    assert!(!container.is_empty());
}

#[test]
fn without_room_a_vacuum_does_not_begin() {
    let home = tempfile::tempdir().unwrap();
    let Some(_disk) = Tmpfs::mount(&home.path().join("agentx"), "24m") else { return };
    let server = Server::builder().start_in(home);
    chat::register(&server, "alice");
    agent(&server, "CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(4000000)); DROP TABLE big");
    let before = agent(&server, "PRAGMA page_count");
    let run = server.run(&["db", "vacuum", "agentx"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stderr.contains("this needs ") && run.stderr.contains(" are free on the disk of "), "{}", run.stderr);
    assert_eq!(agent(&server, "PRAGMA page_count"), before);
}
