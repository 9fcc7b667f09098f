//! Answers that end without being whole: the reason is stored and said in a sentence, the same live and after a reload,
//! and there is a way on. No more requests go out than something new was learned.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, of_type, outline, types};
use crate::support::upstream::Script;
use crate::support::wires::Wire;
use crate::support::ws::Client;

/// Asks one question; checks its end, live and stored, and that it can be asked again.
fn ends(script: Script, reason: &str, code: &str) {
    ends_on(Wire::Anthropic, script, reason, code);
}

fn ends_on(wire: Wire, script: Script, reason: &str, code: &str) {
    let chat = Chat::on(wire, [script, wire.text(&["Better."])]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "hello");
    let events = client.events_until("conversation_end");
    let [.., error, end] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&end["data"]["reason"], &error["type"]), (&json!(reason), &json!("error_occurred")), "{events:?}");
    assert_eq!((&error["data"]["code"], &error["data"]["recoverable"]), (&json!(code), &json!(true)));
    assert!(error["data"]["hint"].is_string(), "the way on: {error}");
    assert_eq!(chat.upstream.requests().len(), 1, "nothing new to ask with");
    let stored = chat::messages(&mut client, &image);
    let last = stored.last().unwrap();
    let part =
        json!({"type": "error", "code": code, "message": error["data"]["message"], "hint": error["data"]["hint"]});
    assert_eq!((&last["role"], &last["content"]), (&json!("error"), &json!([part])), "the same after a reload");

    client.ask("turn_retry_request", json!({"imageId": image.id, "turnId": sent["turnId"]}));
    assert_eq!(client.events_until("conversation_end").last().unwrap()["data"]["reason"], "completed");
    assert_eq!(outline(&chat::messages(&mut client, &image))[1..], [("assistant", "complete", "Better.".to_owned())]);
}

#[test]
fn without_a_word() {
    ends(Script::stopped_by("end_turn", ""), "error", "answer_empty");
}

#[test]
fn with_thinking_only() {
    ends(Script::thinking(&["Hm."], "sig", ""), "error", "answer_only_thinking");
}

#[test]
fn refused() {
    ends(Script::stopped_by("refusal", ""), "error", "answer_refused");
}

#[test]
fn refused_in_mid_sentence() {
    ends(Script::stopped_by("refusal", "Sure, first you"), "error", "answer_refused_midway");
}

#[test]
fn cut_by_the_length_limit() {
    ends(Script::stopped_by("max_tokens", "And then"), "limit", "answer_too_long");
}

#[test]
fn cut_by_the_context_window() {
    ends(Script::stopped_by("model_context_window_exceeded", "And then"), "limit", "answer_context_full");
}

#[test]
fn a_tool_call_that_is_announced_but_never_comes() {
    ends(Script::stopped_by("tool_use", "I will look it up."), "error", "tool_call_missing");
}

#[test]
fn a_pause_with_nothing_new() {
    ends(Script::stopped_by("pause_turn", ""), "error", "answer_empty");
}

/// What the other wires send, as one line, and how it ends for a person.
const OF_OTHER_WIRES: &[(Wire, &str, &str, &str)] = &[
    (Wire::Chat, r#"{"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}"#, "error", "answer_empty"),
    (
        Wire::Chat,
        r#"{"choices":[{"delta":{"reasoning":"Hm."},"finish_reason":"stop"}]}"#,
        "error",
        "answer_only_thinking",
    ),
    (Wire::Chat, r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#, "error", "answer_refused"),
    (
        Wire::Chat,
        r#"{"choices":[{"delta":{"content":"Sure"},"finish_reason":"content_filter"}]}"#,
        "error",
        "answer_refused_midway",
    ),
    (Wire::Chat, r#"{"choices":[{"delta":{"content":"And"},"finish_reason":"length"}]}"#, "limit", "answer_too_long"),
    (
        Wire::Chat,
        r#"{"choices":[{"delta":{"content":"I will look."},"finish_reason":"tool_calls"}]}"#,
        "error",
        "tool_call_missing",
    ),
    (Wire::Responses, r#"{"type":"response.completed","response":{"output":[]}}"#, "error", "answer_empty"),
    (
        Wire::Responses,
        r#"{"type":"response.completed","response":{"output":[{"type":"reasoning","summary":[{"text":"Hm."}]}]}}"#,
        "error",
        "answer_only_thinking",
    ),
    (
        Wire::Responses,
        r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"},"output":[]}}"#,
        "error",
        "answer_refused",
    ),
    (
        Wire::Responses,
        r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},
        "output":[{"type":"message","content":[{"type":"output_text","text":"And"}]}]}}"#,
        "limit",
        "answer_too_long",
    ),
    (Wire::Ollama, r#"{"message":{"content":""},"done":true,"done_reason":"stop"}"#, "error", "answer_empty"),
    (
        Wire::Ollama,
        r#"{"message":{"content":"","thinking":"Hm."},"done":true,"done_reason":"stop"}"#,
        "error",
        "answer_only_thinking",
    ),
    (
        Wire::Ollama,
        r#"{"message":{"content":"And"},"done":true,"done_reason":"length"}"#,
        "limit",
        "answer_context_full",
    ),
];

#[test]
fn over_every_wire() {
    for (wire, line, reason, code) in OF_OTHER_WIRES {
        let line = line.replace('\n', " ");
        let script = match wire {
            Wire::Ollama => Script::raw("application/x-ndjson", format!("{line}\n").as_bytes()),
            _ => Script::chunks(&[&line]),
        };
        ends_on(*wire, script, reason, code);
    }
}

fn proceed(client: &mut Client, image: &Image, turn: &Value) -> Vec<Value> {
    client.ask("turn_continue_request", json!({"imageId": image.id, "turnId": turn}));
    client.events_until("conversation_end")
}

#[test]
fn an_answer_that_was_cut_off_goes_on() {
    let chat = Chat::with([Script::stopped_by("max_tokens", "One, two, "), Script::text("three.")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "count");
    client.events_until("conversation_end");
    let events = proceed(&mut client, &image, &sent["turnId"]);
    assert_eq!((types(&events)[0], &events[0]["data"]), ("conversation_start", &json!({"continues": true})));
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let stored = chat::messages(&mut client, &image);
    let complete = |text: &str| ("assistant", "complete", text.to_owned());
    assert_eq!(outline(&stored)[1..], [complete("One, two, "), complete("three.")], "what said why it ended is gone");
    assert!(stored.iter().all(|message| message["turnId"] == sent["turnId"]));
    let asked = chat.upstream.requests()[1].body["messages"].clone();
    assert_eq!((&asked[1]["role"], &asked[1]["content"][0]["text"]), (&json!("assistant"), &json!("One, two, ")));
    assert_eq!(asked[2]["role"], "user", "the API refuses an answer that is only to be completed");

    let data = json!({"imageId": image.id, "turnId": sent["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_continue_request", data), "turn_not_retryable");
}

#[test]
fn an_answer_that_was_stopped_goes_on_too() {
    let script = Script::deltas(&["One, ", "two, "]).pause_after(4, crate::support::upstream::Step::Hang);
    let chat = Chat::with([script, Script::text("three.")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "count");
    client.wait_for("the second word", |event| event["data"]["text"] == "two, ");
    chat::interrupt(&mut client, &image);
    client.events_until("conversation_end");
    proceed(&mut client, &image, &sent["turnId"]);
    let said: Vec<String> = chat::messages(&mut client, &image)[1..].iter().map(chat::said).collect();
    assert_eq!(said, ["One, two, ", "three."]);
}

#[test]
fn where_nothing_was_written_nothing_goes_on() {
    let chat = Chat::with([Script::refusal(401, "authentication_error", "no")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "hello");
    client.events_until("conversation_end");
    let data = json!({"imageId": image.id, "turnId": sent["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_continue_request", data), "nothing_to_continue");
    assert_eq!(chat::messages(&mut client, &image)[1]["role"], "error", "the error stays");
}

#[test]
fn a_further_round_needs_something_new() {
    let chat = Chat::with([Script::stopped_by("pause_turn", "First I look. "), Script::text("Here it is.")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "find it");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    assert_eq!(of_type(&events, "assistant_message").len(), 2);
    let (first, second) = (&chat.upstream.requests()[0].body, &chat.upstream.requests()[1].body);
    assert_ne!(first["messages"], second["messages"]);
}
