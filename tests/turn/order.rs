//! The events of a turn: which, in which order, with what in them.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, seqs, streamed, types};
use crate::support::upstream::Script;

#[test]
fn a_whole_turn_event_by_event() {
    let chat = Chat::with([Script::deltas(&["Hello ", "*you*", "."])]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "hi");
    let merged: Vec<&str> = types(&events).into_iter().fold(Vec::new(), |mut all, kind| {
        if kind != "text_delta" || all.last() != Some(&kind) {
            all.push(kind);
        }
        all
    });
    let expected = ["message_persisted", "conversation_start", "message_start", "text_delta", "message_stop"];
    assert_eq!(merged, [&expected[..], &["assistant_message", "conversation_end"]].concat());
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>(), "from 1, without gaps");
    assert_eq!(streamed(&events), "Hello *you*.");
    let record = client.ask("image_get_request", json!({"imageId": image.id}))["record"].take();
    let context = json!({"containerId": record["containerId"], "imageId": image.id, "sessionId": image.session,
        "turnId": events[0]["data"]["turnId"]});
    for event in &events {
        assert_eq!(event["context"], context, "{event}");
        assert!(event["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "{event}");
    }
    let by_type = |kind: &str| chat::of_type(&events, kind)[0]["data"].clone();
    let stored = chat::messages(&mut client, &image);
    assert_eq!([by_type("message_persisted"), by_type("assistant_message")], stored[..], "as stored");
    let start = json!({"messageId": stored[1]["messageId"], "model": "model-of-the-test"});
    assert_eq!(by_type("message_start"), start);
    assert!(chat::of_type(&events, "text_delta").iter().all(|event| event["data"]["messageId"] == start["messageId"]));
    let usage =
        json!({"inputTokens": 11, "outputTokens": 23, "cacheCreationInputTokens": 5, "cacheReadInputTokens": 7});
    assert_eq!(by_type("message_stop"), json!({"stopReason": "end_turn", "usage": usage}));
    assert_eq!(by_type("conversation_end"), json!({"reason": "completed", "usage": usage}));
    assert_eq!((&stored[1]["usage"], &stored[1]["stopReason"]), (&usage, &json!("end_turn")));
}

#[test]
fn the_count_goes_on_from_turn_to_turn() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    let events: Vec<Value> = (0..3).flat_map(|n| chat::chat(&mut client, &image, &format!("q{n}"))).collect();
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_answer_to_a_message_comes_before_its_events() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    for n in 0..30 {
        let text = format!(
            r#"{{"id":"m{n}","type":"message_send_request","data":{{"imageId":"{}","content":"q"}}}}"#,
            image.id
        );
        client.send_text(&text);
        // `next_event` gives frames in the order in which they came.
        let first = client.next_event(std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(first["id"], format!("m{n}"), "{first}");
        client.events_until("conversation_end");
    }
}

#[test]
fn what_is_asked_of_the_model() {
    let chat = Chat::with([Script::text("one"), Script::text("two")]);
    let mut client = chat.socket();
    let record =
        client.ask("image_create_request", json!({"systemPrompt": "Be kind", "model": "m-1"}))["record"].take();
    let image = chat::Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "first");
    chat::chat(&mut client, &image, "second");
    let requests = chat.upstream.requests();
    let [first, second] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!((first.header("x-api-key"), first.path.as_str()), (Some("key-of-the-test"), "/v1/messages"));
    let cached = json!({"type": "ephemeral"});
    for request in [first, second] {
        let body = &request.body;
        assert_eq!((&body["model"], &body["stream"]), (&json!("m-1"), &json!(true)));
        assert_eq!(body["system"], json!([{"type": "text", "text": "Be kind", "cache_control": cached}]));
        let tools = body["tools"].as_array().unwrap();
        assert_eq!(tools[0]["name"], "current_time");
        assert_eq!(tools.last().unwrap()["cache_control"], cached);
        let last = body["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["content"].as_array().unwrap().last().unwrap()["cache_control"], cached);
    }
    let roles: Vec<&Value> = second.body["messages"].as_array().unwrap().iter().map(|turn| &turn["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    let texts: Vec<&Value> = [0, 1, 2].map(|n| &second.body["messages"][n]["content"][0]["text"]).to_vec();
    assert_eq!(texts, ["first", "one", "second"]);
    // The provider finds the beginning in its cache only where it comes again byte for byte.
    assert_eq!(first.body["tools"].to_string(), second.body["tools"].to_string());
}

#[test]
fn a_length_limit_of_the_model_is_told() {
    let chat = Chat::with([Script::stopped_by("max_tokens", "And then")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "tell me everything");
    assert_eq!(events.last().unwrap()["data"]["reason"], "limit");
    let stored = chat::messages(&mut client, &image);
    assert_eq!(chat::outline(&stored)[1], ("assistant", "complete", "And then".to_owned()));
    assert_eq!(stored[1]["stopReason"], "max_tokens");
}
