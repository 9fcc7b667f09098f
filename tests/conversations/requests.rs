//! Every request and the shape of its answer.

use serde_json::{Value, json};

use super::{connected, create_named, fields, listed, names};
use crate::support::chat::{self, Chat, Image};
use crate::support::upstream::{Script, Step};

const RECORD: [&str; 11] = [
    "containerId",
    "createdAt",
    "description",
    "imageId",
    "model",
    "name",
    "online",
    "sessionId",
    "systemPrompt",
    "tools",
    "updatedAt",
];

#[test]
fn a_conversation_from_beginning_to_end() {
    let (_server, mut client) = connected();
    let record =
        client.ask("image_create_request", json!({"name": " Plans ", "systemPrompt": "Be brief", "model": "m-1"}));
    assert_eq!(fields(&record), ["record"]);
    let record = &record["record"];
    assert_eq!(fields(record), RECORD);
    assert_eq!((&record["name"], &record["systemPrompt"]), (&json!("Plans"), &json!("Be brief")));
    assert_eq!((&record["model"], &record["description"]), (&json!("m-1"), &Value::Null));
    assert_eq!(record["online"], false);
    assert!(record["imageId"].as_str().unwrap().starts_with("img_"));
    assert!(record["sessionId"].as_str().unwrap().starts_with("sess_"));
    assert!(record["containerId"].as_str().unwrap().starts_with("user-"));

    let id = json!({"imageId": record["imageId"]});
    assert_eq!(&client.ask("image_get_request", id.clone())["record"], record);
    let list = client.ask("image_list_request", json!({}));
    assert_eq!((fields(&list), &list["records"]), (vec!["records"], &json!([listed(record)])));

    let updates = json!({"name": "Other", "description": "About", "systemPrompt": null});
    let changed = client.ask("image_update_request", json!({"imageId": record["imageId"], "updates": updates}));
    let changed = &changed["record"];
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Other"), &json!("About")));
    assert_eq!(
        (&changed["systemPrompt"], &changed["model"]),
        (&Value::Null, &json!("m-1")),
        "null removes, absent keeps"
    );
    assert_eq!(&client.ask("image_get_request", id.clone())["record"], changed);

    assert_eq!(client.ask("image_delete_request", id.clone()), id);
    assert_eq!(client.ask_for_trouble("image_get_request", id.clone()), "not_found");
    assert_eq!(client.ask_for_trouble("image_delete_request", id), "not_found");
    assert_eq!(client.ask("image_list_request", json!({})), json!({"records": []}));
}

#[test]
fn answers_of_a_chat() {
    let (_server, mut client) = connected();
    let image = chat::create(&mut client);
    let empty = chat::page(&mut client, &image);
    assert_eq!(
        empty,
        json!({"messages": [], "seq": 0, "running": null, "queued": [], "approvals": [], "context": null})
    );
    let session = json!({"sessionId": image.session});
    let subscribed = json!({"sessionId": image.session, "latestSeq": 0});
    assert_eq!(client.ask("subscribe_request", session.clone()), subscribed);
    assert_eq!(client.ask("subscribe_request", json!({"imageId": image.id})), subscribed);

    let sent = chat::send(&mut client, &image, "hello");
    assert_eq!(fields(&sent), ["messageId", "turnId"]);
    let end = client.events_until("conversation_end").pop().unwrap();
    let page = chat::page(&mut client, &image);
    assert_eq!((&page["seq"], &page["running"]), (&end["seq"], &Value::Null));
    let user = &page["messages"][0];
    let expected = json!({"messageId": sent["messageId"], "id": sent["messageId"], "sessionId": image.session,
        "turnId": sent["turnId"], "role": "user", "subtype": "user", "status": "complete",
        "content": [{"type": "text", "text": "hello"}], "timestamp": user["timestamp"]});
    assert_eq!(user, &expected);
    let assistant = &page["messages"][1];
    let known = ["content", "id", "messageId", "model", "role", "sessionId", "status", "stopReason", "subtype"];
    assert_eq!(fields(assistant), [&known[..], &["timestamp", "turnId", "usage"]].concat());

    assert_eq!(client.ask("agent_interrupt_request", json!({"imageId": image.id})), json!({"imageId": image.id}));
    assert_eq!(client.ask("unsubscribe_request", session.clone()), session);
    chat::send(&mut client, &image, "again");
    chat::settled(&mut client, &image);
    assert_eq!(client.next_event(std::time::Duration::from_millis(50)), None, "nothing after unsubscribing");
}

#[test]
fn lists_come_in_pages_newest_activity_first() {
    let (_server, mut client) = connected();
    let images: Vec<Value> = (0..6).map(|n| create_named(&mut client, &format!("c{n}"))).collect();
    assert_eq!(names(&mut client, json!({})), ["c5", "c4", "c3", "c2", "c1", "c0"]);
    let oldest = Image { id: chat::text_of(&images[0]["imageId"]), session: chat::text_of(&images[0]["sessionId"]) };
    chat::send(&mut client, &oldest, "hello");
    assert_eq!(names(&mut client, json!({"limit": 2})), ["c0", "c5"]);
    let before = |n: usize| json!({"limit": 3, "before": images[n]["imageId"]});
    assert_eq!(names(&mut client, before(5)), ["c4", "c3", "c2"]);
    assert_eq!(names(&mut client, before(2)), ["c1"]);
    assert_eq!(names(&mut client, before(1)), [""; 0]);
    assert_eq!(names(&mut client, json!({"limit": 0})).len(), 1, "a page has at least one entry");
    assert_eq!(names(&mut client, json!({"limit": 1_000_000})).len(), 6);
    assert_eq!(client.ask_for_trouble("image_list_request", json!({"before": "img_unknown"})), "not_found");
}

#[test]
fn messages_come_in_pages_oldest_first_in_each() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    for n in 0..5 {
        chat::chat(&mut client, &image, &format!("q{n}"));
    }
    let mut page = |limit: usize, before: Option<&Value>| {
        let data = json!({"imageId": image.id, "limit": limit, "before": before});
        client.ask("image_messages_request", data)["messages"].as_array().unwrap().clone()
    };
    let all = page(100, None);
    let texts: Vec<String> = all.iter().map(chat::said).collect();
    assert_eq!(texts, ["q0", "yes", "q1", "yes", "q2", "yes", "q3", "yes", "q4", "yes"]);
    let mut gathered: Vec<Value> = Vec::new();
    loop {
        let before = gathered.first().map(|message| message["messageId"].clone());
        let mut earlier = page(3, before.as_ref());
        if earlier.is_empty() {
            break;
        }
        assert!(earlier.len() <= 3);
        earlier.append(&mut gathered);
        gathered = earlier;
    }
    assert_eq!(gathered, all);
    let unknown = json!({"imageId": image.id, "before": "msg_unknown"});
    assert_eq!(client.ask_for_trouble("image_messages_request", unknown), "not_found");
}

#[test]
fn deleting_stops_what_runs() {
    let chat = Chat::with([Script::deltas(&["one ", "two "]).pause_after(3, Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "hello");
    client.wait_for("the first word", |event| event["type"] == "text_delta");
    assert_eq!(client.ask("image_get_request", json!({"imageId": image.id}))["record"]["online"], true);
    chat::send(&mut client, &image, "and then?");
    client.ask("image_delete_request", json!({"imageId": image.id}));
    chat.upstream.wait_for_close(0);
    for (kind, data) in [
        ("image_messages_request", json!({"imageId": image.id})),
        ("message_send_request", json!({"imageId": image.id, "content": "x"})),
        ("subscribe_request", json!({"sessionId": image.session})),
    ] {
        assert_eq!(client.ask_for_trouble(kind, data), "not_found", "{kind}");
    }
    // Nothing of it is left in the way: the next conversation works, and the log shows no failure.
    let other = chat::create(&mut client);
    chat.upstream.push(Script::text("fine"));
    chat::send(&mut client, &other, "hello");
    assert_eq!(chat::said(&chat::settled(&mut client, &other)[1]), "fine");
    assert_eq!(chat.upstream.requests().len(), 2, "the question that waited was never asked");
    assert!(!chat.server.stdout().contains("ERROR"), "{}", chat.server.stdout());
}

#[test]
fn a_conversation_is_named_by_its_first_message() {
    let (_server, mut client) = connected();
    let image = chat::create(&mut client);
    assert_eq!(names(&mut client, json!({})), [""]);
    chat::send(&mut client, &image, "\n# How do magnets work?\nPlease explain.");
    assert_eq!(names(&mut client, json!({})), ["How do magnets work?"]);
    chat::send(&mut client, &image, "And tides?");
    assert_eq!(names(&mut client, json!({})), ["How do magnets work?"], "only the first message names it");
    let named = create_named(&mut client, "Mine");
    let id = json!({"imageId": named["imageId"], "content": "hello"});
    client.ask("message_send_request", id);
    assert_eq!(names(&mut client, json!({"limit": 1})), ["Mine"]);
}
