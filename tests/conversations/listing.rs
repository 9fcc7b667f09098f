//! Pinned and archived conversations, and what other tabs hear of the list.

use serde_json::{Value, json};

use super::{connected, create_named, demo, names};
use crate::support::chat::{self, Image};
use crate::support::ws::{Client, PATIENCE};

fn update(client: &mut Client, record: &Value, updates: Value) -> Value {
    client.ask("image_update_request", json!({"imageId": record["imageId"], "updates": updates}))["record"].take()
}

#[test]
fn pinned_and_archived_ones_are_listed_apart() {
    let (_server, mut client) = connected();
    let all: Vec<Value> = ["a", "b", "c", "d"].map(|name| create_named(&mut client, name)).to_vec();
    let pinned = update(&mut client, &all[1], json!({"pinned": true}));
    assert_eq!((&pinned["pinned"], &pinned["archived"]), (&json!(true), &Value::Null));
    assert_eq!(update(&mut client, &all[2], json!({"archived": true}))["archived"], true);
    assert_eq!(update(&mut client, &all[3], json!({"archived": true, "pinned": true}))["name"], "d");
    let mut listed = |data: Value| names(&mut client, data).join(" ");
    assert_eq!(listed(json!({})), "b a");
    assert_eq!(listed(json!({"archived": false, "pinned": false})), "a");
    assert_eq!(listed(json!({"pinned": true})), "b");
    assert_eq!(listed(json!({"archived": true})), "d c");
    assert_eq!(listed(json!({"archived": true, "pinned": true})), "d");
    assert_eq!(listed(json!({"archived": true, "limit": 1})), "d");
    assert_eq!(listed(json!({"archived": true, "before": all[3]["imageId"]})), "c");
    update(&mut client, &all[1], json!({"pinned": false}));
    assert_eq!(names(&mut client, json!({"pinned": true})), [""; 0]);
    let refused = json!({"imageId": all[0]["imageId"], "updates": {"pinned": "yes"}});
    assert_eq!(client.ask_for_trouble("image_update_request", refused), "invalid_data");
}

#[test]
fn a_message_takes_its_conversation_out_of_the_archive() {
    let (_server, mut client) = connected();
    let record = create_named(&mut client, "a");
    update(&mut client, &record, json!({"archived": true}));
    let id = |field: &str| record[field].as_str().unwrap().to_owned();
    let image = Image { id: id("imageId"), session: id("sessionId") };
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "hello");
    assert_eq!(names(&mut client, json!({})), ["a"]);
}

#[test]
fn other_tabs_hear_what_changes_in_the_list() {
    let (server, token) = demo();
    let mut tab = Client::connect(server.port(), &token);
    let mut other = Client::connect(server.port(), &token);
    let mut stranger = Client::connect(server.port(), &chat::register(&server, "bob"));
    let mut deaf = Client::connect(server.port(), &token);
    for client in [&mut tab, &mut other, &mut stranger] {
        client.ask("image_list_request", json!({"follow": true}));
    }
    let record = create_named(&mut tab, "a");
    let mut heard = |kind: &str| {
        let notice = other.next_event(PATIENCE).expect("a notice");
        assert_eq!(notice["type"], kind, "{notice}");
        notice["data"].clone()
    };
    assert_eq!(heard("image_updated")["record"]["imageId"], record["imageId"]);
    update(&mut tab, &record, json!({"archived": true}));
    let told = heard("image_updated");
    assert_eq!((&told["record"]["archived"], told["record"].get("systemPrompt")), (&json!(true), None));
    tab.ask("message_send_request", json!({"imageId": record["imageId"], "content": "hello"}));
    let told = heard("image_updated");
    assert!(
        told["record"]["archived"].is_null() && told["record"]["updatedAt"].as_i64() >= record["updatedAt"].as_i64()
    );
    tab.ask("image_delete_request", json!({"imageId": record["imageId"]}));
    assert_eq!(heard("image_deleted"), json!({"imageId": record["imageId"]}));
    // Those that did not ask for it, the tab itself, and other people hear nothing: the next frame is an answer.
    for client in [&mut tab, &mut stranger, &mut deaf] {
        client.ask("image_list_request", json!({}));
        assert_eq!(client.next_event(std::time::Duration::ZERO), None);
    }
}
