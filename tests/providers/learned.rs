//! What a refusal has taught is not paid for again: it survives a restart, and is forgotten with a change.

use serde_json::{Value, json};

use super::{KEY, add, answer, asked, conversation_with, second};
use crate::support::chat::{self, Chat};
use crate::support::upstream::Script;
use crate::support::ws::Client;

#[test]
fn lessons_survive_a_restart_and_are_forgotten_with_a_change() {
    let mut chat = Chat::with([]);
    let other = second(&["m-1"]);
    let refusal =
        || Script::refusal(400, "invalid_request_error", "Unrecognized request argument supplied: stream_options");
    other.push(refusal());
    assert_eq!(add(&chat, &json!({"name": "second", "kind": "openai", "url": other.url(), "key": KEY})).status, 201);
    let (mut client, image) = conversation_with(&chat, &json!("second/m-1"));
    assert_eq!(answer(&mut client, &image), "second");
    let sent = |number: usize| other.requests()[number].body.get("stream_options").is_some();
    assert_eq!((other.requests().len(), sent(0), sent(1)), (2, true, false), "healed once");
    let list = chat.server.run(&["model", "list", "-v"]);
    let line = list.stdout.lines().find(|line| line.starts_with("second/m-1")).unwrap();
    assert!(line.ends_with("no-stream-options"), "{}", list.stdout);

    chat.server.restart();
    let mut client = Client::connect(chat.server.port(), &chat.token);
    chat::subscribe(&mut client, &image, None);
    assert_eq!(answer(&mut client, &image), "second");
    assert_eq!((other.requests().len(), sent(2)), (3, false), "not asked in vain again");

    let changed = asked(&chat.server, "PUT", "/second", &chat.token, &json!({"key": "sk-another-topsecret-5678"}));
    assert_eq!(changed.status, 200);
    assert_eq!(answer(&mut client, &image), "second");
    assert_eq!((other.requests().len(), sent(3)), (4, true), "it may be another server now");
    let list: Value = serde_json::from_str(&chat.server.run(&["model", "list", "--json"]).stdout).unwrap();
    assert_eq!(list["learned"], json!({}));
}
