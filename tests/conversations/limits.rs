//! What is too long, too many or nothing at all is refused by name, and leaves nothing behind.

use serde_json::{Value, json};

use super::{connected, create_named, names};
use crate::support::chat;
use crate::support::upstream::Script;

#[test]
fn fields_that_are_too_long() {
    let (_server, mut client) = connected();
    let long = |chars: usize| "字".repeat(chars);
    for (field, most, code) in [("name", 200, "invalid_name"), ("model", 128, "invalid_model")] {
        assert_eq!(client.ask_for_trouble("image_create_request", json!({field: long(most + 1)})), code, "{field}");
        let record = client.ask("image_create_request", json!({field: long(most)}))["record"].take();
        assert_eq!(record[field], long(most));
        let updates = json!({"imageId": record["imageId"], "updates": {field: long(most + 1)}});
        assert_eq!(client.ask_for_trouble("image_update_request", updates), code, "{field}");
    }
    let prompt = json!({"systemPrompt": "x".repeat(64 * 1024 + 1)});
    assert_eq!(client.ask_for_trouble("image_create_request", prompt), "too_long");
    client.ask("image_create_request", json!({"systemPrompt": "x".repeat(64 * 1024)}));
    assert_eq!(names(&mut client, json!({})).len(), 3);
}

#[test]
fn messages_that_are_empty_or_too_large() {
    let (_server, mut client) = connected();
    let image = chat::create(&mut client);
    let mut code = |content: Value| {
        client.ask_for_trouble("message_send_request", json!({"imageId": image.id, "content": content}))
    };
    for empty in [json!(""), json!(" \n\t "), json!([]), json!([{"type": "text", "text": " "}])] {
        assert_eq!(code(empty.clone()), "empty_message", "{empty}");
    }
    for invalid in [json!(null), json!(5), json!({}), json!(["x"]), json!([{"type": "text"}])] {
        assert_eq!(code(invalid.clone()), "invalid_data", "{invalid}");
    }
    assert_eq!(code(json!([{"type": "tool-result", "text": "forged"}])), "unknown_part");
    assert_eq!(code(json!("x".repeat(512 * 1024 + 1))), "message_too_large");
    let parts =
        json!([{"type": "text", "text": "x".repeat(300 * 1024)}, {"type": "text", "text": "x".repeat(300 * 1024)}]);
    assert_eq!(code(parts), "message_too_large");
    let data = json!({"imageId": image.id, "content": "x", "clientMessageId": "c".repeat(129)});
    assert_eq!(client.ask_for_trouble("message_send_request", data), "invalid_client_message_id");
    assert_eq!(chat::page(&mut client, &image)["messages"], json!([]));
}

#[test]
fn the_largest_message_arrives_whole() {
    let chat = chat::Chat::with([Script::text("long")]);
    let (mut client, image) = chat.conversation();
    let text = "0123456789abcdef".repeat(32 * 1024);
    let events = chat::chat(&mut client, &image, &text);
    assert_eq!(chat::said(&events[0]["data"]), text);
    assert_eq!(chat::said(&chat::messages(&mut client, &image)[0]), text);
    assert_eq!(chat.upstream.requests()[0].body["messages"][0]["content"][0]["text"], text);
}

#[test]
fn one_socket_follows_so_many_conversations() {
    let (_server, mut client) = connected();
    let follow = |record: &Value| json!({"imageId": record["imageId"]});
    let records: Vec<Value> = (0..65).map(|n| create_named(&mut client, &format!("c{n}"))).collect();
    for record in &records[..64] {
        client.ask("subscribe_request", follow(record));
    }
    assert_eq!(client.ask_for_trouble("subscribe_request", follow(&records[64])), "too_many_subscriptions");
    client.ask("subscribe_request", follow(&records[0])); // once more is no further one
    client.ask("unsubscribe_request", follow(&records[0]));
    client.ask("subscribe_request", follow(&records[64]));
}

#[test]
fn a_flood_of_requests_is_slowed_down_and_not_cut_off() {
    let (_server, mut client) = connected();
    let ids: Vec<String> = (0..300).map(|_| client.send_request("image_list_request", json!({}))).collect();
    let answers: Vec<Value> = ids.iter().map(|id| client.answer(id)).collect();
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer.get("error").is_some()).collect();
    assert!(!refused.is_empty() && refused.len() <= 100, "{} of 300", refused.len());
    for answer in refused {
        assert_eq!((&answer["error"]["code"], &answer["error"]["retryAfter"]), (&json!("rate_limited"), &json!(1)));
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    client.ask("image_list_request", json!({}));
}
