//! Agents' files count towards what their person may store, also those that other programs write or delete.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::http::Response;
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::upstream::Script;

/// Two of them do not fit.
const LARGE: usize = 700 * 1024;

fn house(scripts: impl IntoIterator<Item = Script>) -> Chat {
    Chat::built(Server::builder().env("STORAGE_PER_USER_MB", "1"), scripts)
}

fn ask(chat: &Chat, method: &str, image: &Image, path: &str, body: &[u8]) -> Response {
    let headers = format!("Authorization: Bearer {}\r\n", chat.token);
    chat.server.http().request(method, &format!("/api/files?imageId={}{path}", image.id), &headers, body)
}

fn put(chat: &Chat, image: &Image, name: &str) -> Response {
    ask(chat, "POST", image, &format!("&path={name}"), &vec![b'x'; LARGE])
}

fn is_full(answer: &Response) -> bool {
    answer.status == 413 && answer.json()["code"] == "quota_exceeded" && answer.json()["hint"].is_string()
}

/// What counts for files, in bytes.
fn counted(chat: &Chat) -> usize {
    let sql = "SELECT coalesce(sum(fileBytes), 0) FROM sessions";
    sqlite3(&chat.server.data_dir().join("data/agentx.db"), sql).parse().unwrap()
}

fn workdir(chat: &Chat, image: &Image) -> PathBuf {
    let containers = std::fs::read_dir(chat.server.data_dir().join("containers")).unwrap();
    let workdirs = containers.map(|container| container.unwrap().path().join("workdirs").join(&image.id));
    workdirs.into_iter().find(|path| path.is_dir()).unwrap()
}

#[test]
fn an_upload_needs_room_and_a_deletion_gives_it_back() {
    let chat = house([]);
    let (mut client, image) = chat.conversation();
    assert_eq!(put(&chat, &image, "one").status, 201);
    assert_eq!(counted(&chat), LARGE);
    assert!(is_full(&put(&chat, &image, "two")));
    assert!(is_full(&put(&chat, &chat::create(&mut client), "two")), "in another conversation, too");
    assert_eq!(put(&chat, &image, "one").status, 201, "what is replaced gives its room");
    assert_eq!((counted(&chat), std::fs::read_dir(workdir(&chat, &image)).unwrap().count()), (LARGE, 1));

    assert_eq!(ask(&chat, "DELETE", &image, "&path=one", b"").status, 200);
    assert_eq!(counted(&chat), 0);
    assert_eq!(put(&chat, &image, "two").status, 201);
    client.ask("image_delete_request", json!({"imageId": image.id}));
    let other = chat::create(&mut client);
    assert_eq!(put(&chat, &other, "three").status, 201, "they go with their conversation");
}

#[test]
fn what_others_delete_is_seen_later() {
    let mut chat = house([]);
    let (_client, image) = chat.conversation();
    assert_eq!(put(&chat, &image, "one").status, 201);
    std::fs::remove_file(workdir(&chat, &image).join("one")).unwrap();
    assert_eq!(put(&chat, &image, "two").status, 201, "before it is refused, what is there is counted");
    std::fs::write(workdir(&chat, &image).join("of another program"), vec![b'x'; LARGE]).unwrap();
    assert_eq!(counted(&chat), LARGE);
    assert_eq!(ask(&chat, "GET", &image, "", b"").json()["bytes"], 2 * LARGE);
    assert_eq!(counted(&chat), 2 * LARGE, "a look at the list counts it");
    std::fs::remove_dir_all(workdir(&chat, &image)).unwrap();
    chat.server.restart();
    let deadline = Instant::now() + Duration::from_secs(60);
    while counted(&chat) != 0 {
        assert!(Instant::now() < deadline, "it is not counted soon after a start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_is_told_that_there_is_no_room() {
    let write = |id: &str, path: &str, bytes: usize| {
        let input = json!({"path": path, "content": "x".repeat(bytes)});
        Script::tool_use("", "s", id, "write_file", &[&input.to_string()])
    };
    let chat = house([write("t1", "small", 10), write("t2", "long", 16 * 1024), Script::text("It is full.")]);
    let (mut client, image) = chat.conversation();
    let filling = ask(&chat, "POST", &image, "&path=filling", &vec![b'x'; (1 << 20) - 28 * 1024]);
    assert_eq!(filling.status, 201);
    chat::send(&mut client, &image, "write");
    let question = client.wait_for("a question", |event| event["type"] == "tool_approval_request");
    let answer = json!({"approvalId": question["data"]["approvalId"], "decision": "conversation"});
    client.ask("tool_approval_answer_request", answer);
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let results = of_type(&events, "tool_result");
    assert_eq!(results[0]["data"]["isError"], false, "{}", results[0]);
    let refused = &results[1]["data"];
    let said = chat::text_of(&refused["result"]);
    assert!(refused["isError"] == true && said.starts_with("long was not written. Your storage is full"), "{refused}");
    assert_eq!(std::fs::read_dir(workdir(&chat, &image)).unwrap().count(), 2, "nothing of it is left");
}
