//! Disk: one account writes as fast as it can.

use std::thread;

use serde_json::{Value, json};

use super::{beside, house};
use crate::support::chat;
use crate::support::people::{sqlite3, try_login};
use crate::support::server::Server;
use crate::support::ws::Client;

const QUOTA: u64 = 8 << 20;
const LONG: usize = 500 * 1024;

/// Sends long messages and stops what waits, until there is no more room. Returns what was said then.
fn fill(mut client: Client) -> Value {
    let image = chat::create(&mut client);
    let data = json!({"imageId": image.id, "content": "x".repeat(LONG)});
    loop {
        let mut answer = client.request("message_send_request", data.clone());
        match answer["error"]["code"].as_str() {
            None | Some("too_many_waiting" | "rate_limited") => chat::interrupt(&mut client, &image),
            Some(_) => return answer["error"].take(),
        }
    }
}

#[test]
fn messages_as_fast_as_they_can_be_sent() {
    let chat = house(Server::builder().env("STORAGE_PER_USER_MB", "8"));
    let said: Vec<Value> = beside(&chat.server, || {
        let filling: Vec<_> = (0..8).map(|_| chat.socket()).map(|client| thread::spawn(move || fill(client))).collect();
        filling.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(said.iter().all(|error| error["code"] == "quota_exceeded" && error["hint"].is_string()), "{said:?}");
    let database = chat.server.data_dir().join("data/agentx.db");
    let stored: u64 = sqlite3(&database, "SELECT sum(length(content)) FROM messages").parse().unwrap();
    assert!((QUOTA / 2..=QUOTA).contains(&stored), "{stored} bytes are stored");
    let files: u64 = ["agentx.db", "agentx.db-wal"]
        .map(|name| database.with_file_name(name))
        .map(|path| path.metadata().unwrap().len())
        .iter()
        .sum();
    assert!(files < 4 * QUOTA, "{files} bytes on the disk");

    assert_eq!(try_login(chat.server.http(), "alice", chat::PASSWORD).status, 200, "logins go on");
    let mut client = chat.socket();
    let list = client.ask("image_list_request", json!({}));
    for record in list["records"].as_array().unwrap() {
        client.ask("image_delete_request", json!({"imageId": record["imageId"]}));
    }
    let image = chat::create(&mut client);
    chat::send(&mut client, &image, "there is room again");
}
