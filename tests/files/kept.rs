//! Files survive what words survive: a crash, a backup and a restore; and they go with their owner.

use std::io::Write as _;

use super::{GIF, carrying, contents, get, upload};
use crate::support::chat::{Chat, register};
use crate::support::eventually;
use crate::support::people::sqlite3;
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::upstream::Script;

#[test]
fn a_crash_in_an_upload_leaves_whole_files_and_no_halves() {
    let mut server = Server::start();
    let token = register(&server, "alice");
    let whole = upload(&server, &token, "whole.gif", GIF);
    let mut client = Raw::connect(server.address());
    let lines = format!("Authorization: Bearer {token}\r\nContent-Length: 1000000\r\n");
    client.send(format!("POST /api/files?name=half HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"));
    client.send(vec![b'x'; 10_000]);
    client.stream.flush().unwrap();
    eventually("it is under way", || contents(&server).len() == 2);
    server.kill9();
    assert_eq!(contents(&server).len(), 2, "nothing could tidy up");
    // What a crash between the content and its row leaves looks like this.
    let stray = contents(&server)[0].with_file_name("ab".repeat(32));
    std::fs::write(&stray, "nobody's").unwrap();
    server.restart();
    eventually("halves and strays are removed soon after the start", || contents(&server).len() == 1);
    assert_eq!(get(&server, &token, &whole).body, GIF);
}

#[test]
fn a_backup_brings_files_back_and_an_export_names_them() {
    let chat = Chat::with([Script::text("A dot.")]);
    let (mut client, image) = chat.conversation();
    let file = upload(&chat.server, &chat.token, "p.gif", GIF);
    client.ask("message_send_request", carrying(&image, "look", &[&file]));
    client.events_until("conversation_end");
    let made = chat.server.run(&["backup", "--json"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    client.ask("image_delete_request", serde_json::json!({"imageId": image.id}));
    assert!(contents(&chat.server).is_empty());
    let exported = chat.server.data_dir().join("../alice.tar.gz");
    let mut server = chat.server;
    server.terminate();
    let restored = server.run(&["restore", "latest", "--yes"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    server.restart();
    assert_eq!(get(&server, &chat.token, &file).body, GIF);
    let run = server.run(&["user", "export", "alice", "--out", exported.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let list =
        std::process::Command::new("tar").args(["-xzOf"]).arg(&exported).arg("attachments.json").output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["fileId"]), (&"p.gif".into(), &file["fileId"]), "{list}");
    let path = list[0]["path"].as_str().unwrap();
    let content = std::process::Command::new("tar").args(["-xzOf"]).arg(&exported).arg(path).output().unwrap();
    assert_eq!(content.stdout, GIF);
    let deleted = server.run(&["user", "add", "boss", "--admin", "--generate"]);
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    assert_eq!(server.run(&["user", "delete", "alice", "--yes"]).code, Some(0));
    assert!(contents(&server).is_empty());
    let rows = sqlite3(&server.data_dir().join("data/agentx.db"), "SELECT count(*) FROM files");
    assert_eq!(rows, "0");
}

#[test]
fn an_upload_that_no_message_came_to_carry_goes_after_a_day() {
    let mut server = Server::start();
    let token = register(&server, "alice");
    let (old, new) = (upload(&server, &token, "old", b"old"), upload(&server, &token, "new", b"new"));
    let sql = "UPDATE files SET createdAt = createdAt - 90000000 WHERE name = 'old'";
    sqlite3(&server.data_dir().join("data/agentx.db"), sql);
    server.restart();
    eventually("the old one is gone", || contents(&server).len() == 1);
    assert_eq!((get(&server, &token, &old).status, get(&server, &token, &new).status), (404, 200));
}
