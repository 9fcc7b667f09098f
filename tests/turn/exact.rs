//! What stands before all messages of a conversation stays as it was, since a model's thinking is only good under it.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type};
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn thinking(signature: &str, text: &str) -> Script {
    Script::thinking(&["Hm."], signature, text)
}

fn set_prompt(client: &mut Client, image: &chat::Image, prompt: &str) {
    client.ask("image_update_request", json!({"imageId": image.id, "updates": {"systemPrompt": prompt}}));
}

#[test]
fn another_system_prompt_is_told_as_a_message_and_costs_no_thinking() {
    let call = Script::tool_use("Which tool?", "czE=", "toolu_1", "current_time", &["{}"]);
    let chat = Chat::with([call, thinking("czI=", "Noon."), thinking("czM=", "Brief."), thinking("czQ=", "Bye.")]);
    chat.upstream.binds_thinking();
    let (mut client, image) = chat.conversation();
    set_prompt(&mut client, &image, "Be kind.");
    chat::chat(&mut client, &image, "what time is it?");
    set_prompt(&mut client, &image, "Be brief.");
    chat::chat(&mut client, &image, "and now?");
    let events = chat::chat(&mut client, &image, "bye");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{events:?}");
    let requests = chat.upstream.requests();
    assert_eq!(requests.len(), 4, "none was refused");
    let told = json!({"role": "system", "content": [{"type": "text",
        "text": "The instructions have changed. From now on these apply:\n\nBe brief."}]});
    for (request, at) in [(&requests[2], 4), (&requests[3], 4)] {
        assert_eq!(request.body["system"][0]["text"], "Be kind.");
        assert_eq!(request.body["messages"][at], told, "{}", request.body["messages"]);
    }
    let thought = requests[3].body["messages"].to_string().matches("\"thinking\":\"").count();
    assert_eq!(thought, 3, "all thinking goes back");
}

#[test]
fn an_empty_text_beside_thinking_goes_back_as_it_came() {
    let delta = |index: usize, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let start =
        |index: usize, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let stop = |index: usize| json!({"type": "content_block_stop", "index": index});
    let events = [
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        delta(0, json!({"type": "signature_delta", "signature": "czE="})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        stop(1),
        start(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "\n\n"})),
        stop(2),
        start(3, json!({"type": "tool_use", "id": "toolu_1", "name": "current_time", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ];
    let chat = Chat::with([Script::events(&events), Script::text("Noon.")]);
    chat.upstream.binds_thinking();
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "what time is it?");
    let sent = chat.upstream.requests()[1].body["messages"][1]["content"].clone();
    let expected = json!([{"type": "thinking", "thinking": "Hm.", "signature": "czE="}, {"type": "text", "text": ""},
        {"type": "text", "text": "\n\n"}, {"type": "tool_use", "id": "toolu_1", "name": "current_time", "input": {}}]);
    assert_eq!(sent, expected);
}

#[test]
fn a_model_thinks_as_deeply_as_it_is_asked_to_and_can() {
    let chat = Chat::with([Script::text("One."), Script::text("Two.")]);
    let is = |is: bool| json!({"supported": is});
    let effort = json!({"supported": true, "low": is(true), "medium": is(true), "high": is(true), "max": is(false)});
    chat.upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5", "capabilities": {"effort": effort}}]}));
    let listed = chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json();
    assert_eq!(listed["models"][0]["efforts"], json!(["low", "medium", "high"]), "{listed}");
    let (mut client, image) = chat.conversation();
    for (wanted, sent) in [("max", "high"), ("low", "low")] {
        let updates = json!({"effort": wanted});
        let changed = client.ask("image_update_request", json!({"imageId": image.id, "updates": updates}));
        assert_eq!(changed["record"]["effort"], wanted);
        chat::chat(&mut client, &image, "hello");
        assert_eq!(chat.upstream.requests().last().unwrap().body["output_config"], json!({"effort": sent}));
    }
    let cleared = client.ask("image_update_request", json!({"imageId": image.id, "updates": {"effort": null}}));
    assert_eq!(cleared["record"].get("effort"), None, "null leaves it to the model: {cleared}");
    let updates = json!({"imageId": image.id, "updates": {"effort": "deep"}});
    assert_eq!(client.ask_for_trouble("image_update_request", updates), "invalid_effort");
}

#[test]
fn what_cannot_fit_a_model_is_left_out_before_it_is_asked() {
    let chat = Chat::with((1..=4).map(|n| Script::text(&format!("Answer {n}."))));
    chat.upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5", "max_input_tokens": 1100}]}));
    assert_eq!(chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).status, 200);
    let (mut client, image) = chat.conversation();
    for n in 1..=4 {
        let events = chat::chat(&mut client, &image, &format!("Question {n}? {}", "x".repeat(1990)));
        let trimmed = of_type(&events, "context_trimmed").len();
        assert_eq!(
            (events.last().unwrap()["data"]["reason"].as_str(), trimmed),
            (Some("completed"), usize::from(n == 4))
        );
    }
    assert_eq!(chat.upstream.requests().len(), 4);
}
