//! The database is deleted, moved, replaced or overwritten while we serve it.

use std::fs;

use serde_json::json;

use super::{check, eventually_well, refusal, said};
use crate::support::chat::{self, Chat, register};
use crate::support::eventually;
use crate::support::people::{sqlite3, verify};
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn answers(count: usize) -> Vec<Script> {
    (0..count).map(|_| Script::text("Yes.")).collect()
}

/// The copies that are finished: while one is written, it has another name.
fn rescued(chat: &Chat) -> Vec<std::path::PathBuf> {
    let directory = chat.server.data_dir().join("data/rescued");
    let Ok(found) = fs::read_dir(directory) else { return Vec::new() };
    found.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "db")).collect()
}

fn conversations(client: &mut Client) -> usize {
    client.ask("image_list_request", json!({}))["records"].as_array().unwrap().len()
}

#[test]
fn a_database_that_is_moved_away_and_back() {
    let chat = Chat::with(answers(2));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let database = chat.server.data_dir().join("data/agentx.db");
    let away = database.with_file_name("away.db");
    fs::rename(&database, &away).unwrap();
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_replaced", "at once");
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "reading goes on");
    eventually("what is held is saved", || rescued(&chat).len() == 1);
    eventually("the copy is named", || !said(&chat.server, "WARN", "was saved as").is_empty());
    assert_eq!(said(&chat.server, "WARN", "was open to others").len(), 0, "no other user could read the copy");
    assert_eq!(sqlite3(&rescued(&chat)[0], "PRAGMA integrity_check; SELECT count(*) FROM messages"), "ok\n2");
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("was deleted or moved away")), ("fail", true), "{message}");
    assert_eq!(said(&chat.server, "ERROR", "agentx.db").len(), 1);

    fs::rename(&away, &database).unwrap();
    eventually_well(&chat.server, "agentx.db");
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "");
    client.events_until("conversation_end");
    assert_eq!(chat::messages(&mut client, &image).len(), 4);
    assert_eq!(rescued(&chat).len(), 1);
}

#[test]
fn a_database_that_is_deleted_and_restored_from_a_backup_without_a_restart() {
    let mut chat = Chat::with(answers(3));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let database = chat.server.data_dir().join("data/agentx.db");
    let backup = database.with_file_name("backup.db");
    sqlite3(&database, &format!(".backup {}", backup.display()));
    chat::chat(&mut client, &image, "two");
    fs::remove_file(&database).unwrap();
    eventually("what is held is saved", || rescued(&chat).len() == 1);
    eventually("it is said, also to those who ask", || check(&chat.server, "agentx.db").0 == "fail");
    fs::rename(&backup, &database).unwrap();
    eventually_well(&chat.server, "agentx.db");
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "as it was at the backup");
    assert_eq!(refusal(&mut client, &image, "three", "c3"), "");
    client.events_until("conversation_end");
    assert_eq!(said(&chat.server, "WARN", "was replaced while it was served").len(), 1);
    assert_eq!(sqlite3(&rescued(&chat)[0], "SELECT count(*) FROM messages"), "4", "nothing is lost");
    chat.server.kill9();
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 4);
    assert_eq!(sqlite3(&database, "PRAGMA integrity_check"), "ok");
}

#[test]
fn another_file_that_is_no_good_is_not_opened() {
    let chat = Chat::with(answers(1));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let database = chat.server.data_dir().join("data/agentx.db");
    let away = database.with_file_name("away.db");
    fs::rename(&database, &away).unwrap();
    fs::write(&database, "this is not a database").unwrap();
    eventually("it is named", || check(&chat.server, "agentx.db").1.contains("not an SQLite database"));
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "the old one is read on");
    fs::rename(&away, &database).unwrap();
    eventually_well(&chat.server, "agentx.db");
    assert_eq!(conversations(&mut client), 1);
}

#[test]
fn a_backup_that_is_copied_over_the_live_file() {
    let mut chat = Chat::with(answers(2));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let database = chat.server.data_dir().join("data/agentx.db");
    let backup = database.with_file_name("backup.db");
    sqlite3(&database, &format!(".backup {}", backup.display()));
    chat::chat(&mut client, &image, "two");
    fs::copy(&backup, &database).unwrap();
    assert_eq!(refusal(&mut client, &image, "three", "c3"), "database_replaced");
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("was overwritten")), ("fail", true), "{message}");
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 2, "the backup, and nothing mixed into it");
    assert_eq!(sqlite3(&database, "PRAGMA integrity_check"), "ok");
}

#[test]
fn a_log_that_is_deleted_takes_nothing_with_it() {
    for with_shm in [false, true] {
        let mut chat = Chat::with(answers(2));
        let (mut client, image) = chat.conversation();
        chat::chat(&mut client, &image, "one");
        let database = chat.server.data_dir().join("data/agentx.db");
        let beside = |end: &str| database.with_file_name(format!("agentx.db{end}"));
        assert!(fs::metadata(beside("-wal")).unwrap().len() > 0, "there is something to lose");
        fs::remove_file(beside("-wal")).unwrap();
        if with_shm {
            fs::remove_file(beside("-shm")).unwrap();
        }
        assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_replaced", "at once");
        eventually("what was in it is saved", || !said(&chat.server, "WARN", "what was in it is saved").is_empty());
        eventually_well(&chat.server, "agentx.db");
        assert_eq!(chat::messages(&mut client, &image).len(), 2);
        assert_eq!(refusal(&mut client, &image, "two", "c2"), "");
        client.events_until("conversation_end");
        chat.server.kill9();
        assert_eq!(sqlite3(&database, "PRAGMA integrity_check; SELECT count(*) FROM messages"), "ok\n4");
        chat.server.restart();
        assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 4);
        assert_eq!(said(&chat.server, "ERROR", "agentx.db").len(), 1, "it was said once");
    }
}

#[test]
fn the_accounts_log_that_is_deleted_takes_nothing_with_it() {
    let mut server = Server::start();
    let ann = register(&server, "ann");
    fs::remove_file(server.data_dir().join("data/portagent.db-wal")).unwrap();
    eventually("what was in it is saved", || !said(&server, "WARN", "what was in it is saved").is_empty());
    eventually_well(&server, "portagent.db");
    let bob = register(&server, "bob");
    server.kill9();
    server.restart();
    assert_eq!([&ann, &bob].map(|token| verify(server.http(), token)), [200, 200]);
}

#[test]
fn a_lock_whose_file_was_removed_keeps_a_second_server_out_all_the_same() {
    let server = Server::start();
    let lock = server.data_dir().join("portagent.lock");
    fs::remove_file(&lock).unwrap();
    eventually("it is taken anew", || fs::read_to_string(&lock).is_ok_and(|pid| pid == server.pid().to_string()));
    let second = server.run(&["serve", "--port", "0"]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("in use by another portagent server"), "{}", second.stderr);
}
