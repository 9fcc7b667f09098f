//! What is too long, too many or nothing at all is refused by name, and leaves nothing behind.

use serde_json::{Value, json};

use super::{connected, create_named, names};
use crate::support::chat;
use crate::support::disk::Tmpfs;
use crate::support::server::Server;
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
fn a_person_starts_so_many_conversations_an_hour() {
    let (_server, mut client) = connected();
    let mut made = 0;
    let code = loop {
        // One more may be made every 12 seconds, should this take so long.
        assert!(made < 400, "there is no end");
        let answer = client.request("image_create_request", json!({}));
        match answer["error"]["code"].as_str() {
            None => made += 1,
            Some("rate_limited") => std::thread::sleep(std::time::Duration::from_millis(50)),
            Some(code) => break code.to_owned(),
        }
    };
    assert_eq!((code.as_str(), made >= 300), ("too_many_conversations_made", true), "{made} were made");
    client.ask("image_list_request", json!({}));
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

#[test]
fn control_characters_are_refused() {
    let (_server, mut client) = connected();
    for field in ["name", "description", "systemPrompt"] {
        let code = client.ask_for_trouble("image_create_request", json!({field: "a\u{1}b"}));
        assert_eq!(code, "invalid_characters", "{field}");
        let record = client.ask("image_create_request", json!({field: "a\tb\r\nc"}))["record"].take();
        let expected = if field == "name" { "a b  c" } else { "a\tb\nc" };
        assert_eq!(record[field], expected, "{field}");
        let updates = json!({"imageId": record["imageId"], "updates": {field: "\u{7f}"}});
        assert_eq!(client.ask_for_trouble("image_update_request", updates), "invalid_characters", "{field}");
    }
}

#[test]
fn a_list_has_no_prompts_and_ends_early_where_it_would_be_too_large() {
    let (server, mut client) = connected();
    let data = json!({"systemPrompt": "long ".repeat(1000)});
    let record = client.ask("image_create_request", data)["record"].take();
    let list = client.ask("image_list_request", json!({}));
    assert_eq!((list["records"][0].get("systemPrompt"), list.get("more")), (None, None));
    assert!(
        client.ask("image_get_request", json!({"imageId": record["imageId"]}))["record"]["systemPrompt"].is_string()
    );

    // Stored before such characters were refused: six bytes each where they are sent.
    (0..59).for_each(|n| drop(create_named(&mut client, &format!("c{n}"))));
    let database = server.data_dir().join("data/agentx.db");
    let long = "UPDATE images SET description = replace(hex(zeroblob(4000)), '0', char(1))";
    crate::support::people::sqlite3(&database, long);
    let (mut known, mut before) = (0, Value::Null);
    for page in 0.. {
        let list = client.ask("image_list_request", json!({"limit": 60, "before": before}));
        assert!(list.to_string().len() < 1024 * 1024 + 100_000, "{} bytes", list.to_string().len());
        let records = list["records"].as_array().unwrap();
        known += records.len();
        before = records.last().unwrap()["imageId"].clone();
        if list.get("more").is_none() {
            assert!(page > 1, "in {page} pages");
            break;
        }
    }
    assert_eq!(known, 60, "each once");
}

#[test]
fn a_page_of_messages_ends_early_where_it_would_be_too_large() {
    let chat = chat::Chat::with((0..4).map(|_| Script::text("Yes.")));
    let (mut client, image) = chat.conversation();
    for _ in 0..4 {
        chat::chat(&mut client, &image, &"\u{1}".repeat(100 * 1024));
    }
    let (mut known, mut before) = (Vec::new(), Value::Null);
    while known.len() < 8 {
        let page = client.ask("image_messages_request", json!({"imageId": image.id, "before": before, "html": true}));
        assert!(page.to_string().len() < 1024 * 1024 + 1000, "{} bytes", page.to_string().len());
        let messages = page["messages"].as_array().unwrap().clone();
        before = messages.first().unwrap()["messageId"].clone();
        known.splice(..0, messages);
    }
    let roles: Vec<&str> = known.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant"].repeat(4));
}

#[test]
fn a_person_sends_so_many_messages_a_minute() {
    let chat = chat::Chat::built(Server::builder().env("MESSAGES_PER_MINUTE", "3"), []);
    chat.upstream.always(|| Script::text("Yes."));
    let (mut client, image) = chat.conversation();
    (0..3).for_each(|_| drop(chat::chat(&mut client, &image, "hello")));
    let data = json!({"imageId": image.id, "content": "one more"});
    let refused = chat.socket().request("message_send_request", data);
    assert_eq!(refused["error"]["code"], "too_many_messages", "over all sockets: {refused}");
    assert!((1..=20).contains(&refused["error"]["retryAfter"].as_u64().unwrap()), "{refused}");
    assert_eq!(chat::messages(&mut client, &image).len(), 6, "nothing of it is stored");
    let bob = chat::register(&chat.server, "bob");
    let mut bob = crate::support::ws::Client::connect(chat.server.port(), &bob);
    let image = chat::create(&mut bob);
    chat::send(&mut bob, &image, "others are not concerned");
}

#[test]
fn a_disk_that_is_almost_full_is_left_to_the_administrator() {
    let home = tempfile::tempdir().unwrap();
    let Some(mount) = Tmpfs::mount(&home.path().join("agentx"), "64m") else { return };
    let chat = chat::Chat::in_home(Server::builder(), home, [Script::text("Yes.")]);
    let (mut admin, image) = chat.conversation();
    chat::chat(&mut admin, &image, "hello");
    let token = chat::register(&chat.server, "bob");
    let mut bob = crate::support::ws::Client::connect(chat.server.port(), &token);
    let answer = bob.request("image_create_request", json!({}));
    assert_eq!(answer["error"]["code"], "disk_low", "{answer}");
    assert!(answer["error"]["hint"].is_string(), "the way out: {answer}");
    bob.ask("image_list_request", json!({})); // reading goes on
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n");
    let answer = chat.server.http().request("POST", "/api/import", &headers, b"[]");
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("disk_low")), "nothing comes in by a file");
    drop((chat, mount));
}

#[test]
fn what_a_person_stores_has_a_limit_that_deleting_makes_room_under() {
    let chat = chat::Chat::built(Server::builder().env("STORAGE_PER_USER_MB", "1"), []);
    chat.upstream.always(|| Script::text("Yes."));
    let (mut client, image) = chat.conversation();
    let long = "x".repeat(500 * 1024);
    (0..2).for_each(|_| drop(chat::chat(&mut client, &image, &long)));
    let data = json!({"imageId": image.id, "content": long});
    let refused = chat.socket().request("message_send_request", data);
    assert_eq!(refused["error"]["code"], "quota_exceeded", "{refused}");
    let said = refused["error"]["message"].as_str().unwrap();
    assert!(said.contains("1003 KiB") || said.contains("1.0 MiB"), "how much is used, of how much: {said}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("Delete"), "the way out: {refused}");
    assert_eq!(chat::messages(&mut client, &image).len(), 4, "nothing of it is stored");
    let prompt = json!({"systemPrompt": "x".repeat(64 * 1024)});
    assert_eq!(client.ask_for_trouble("image_create_request", prompt.clone()), "quota_exceeded");
    let longer = json!({"imageId": image.id, "updates": prompt});
    assert_eq!(client.ask_for_trouble("image_update_request", longer), "quota_exceeded");
    client.ask("image_update_request", json!({"imageId": image.id, "updates": {"name": "n"}}));

    let mut bob = crate::support::ws::Client::connect(chat.server.port(), &chat::register(&chat.server, "bob"));
    let other = chat::create(&mut bob);
    chat::send(&mut bob, &other, "others are not concerned");

    client.ask("image_delete_request", json!({"imageId": image.id}));
    let image = chat::create(&mut client);
    chat::send(&mut client, &image, &long);
}

#[test]
fn a_turn_that_calls_tools_ends_where_the_storage_is_full() {
    let chat = chat::Chat::built(Server::builder().env("STORAGE_PER_USER_MB", "1"), []);
    // Small rounds: three of 400 KiB in one burst are more than a socket may be behind by, and then it is closed.
    let input = json!({"note": "x".repeat(128 * 1024)}).to_string();
    chat.upstream.always(move || Script::tool_use("", "", "t", "current_time", &[&input]));
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "again and again");
    let last = chat::settled(&mut client, &image).pop().unwrap();
    assert_eq!(last["content"][0]["code"], "quota_exceeded", "{last}");
    let rounds = chat.upstream.requests().len();
    assert!((6..=8).contains(&rounds), "{rounds} rounds of 128 KiB in 1 MiB");
}
