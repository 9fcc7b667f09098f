//! Tools: called, answered, and the model asked again; thinking goes back as it came.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type, types};
use crate::support::upstream::Script;

#[test]
fn a_round_with_a_tool() {
    let call = Script::tool_use("What time is it?", "sig-1", "toolu_1", "current_time", &["{", "}"]);
    let chat = Chat::with([call, Script::text("Noon.")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "what time is it?");
    let mut kinds = types(&events);
    kinds.dedup();
    let first = ["message_persisted", "conversation_start", "message_start", "thinking_delta", "text_delta"];
    let call =
        ["tool_use_start", "input_json_delta", "tool_use_stop", "message_stop", "assistant_message", "tool_result"];
    let second = ["message_start", "text_delta", "message_stop", "assistant_message", "conversation_end"];
    assert_eq!(kinds, [&first[..], &call, &second].concat());

    let one = |kind: &str| of_type(&events, kind)[0]["data"].clone();
    assert_eq!(one("tool_use_start"), json!({"toolCallId": "toolu_1", "toolName": "current_time"}));
    assert_eq!(one("tool_use_stop"), json!({"toolCallId": "toolu_1", "toolName": "current_time", "input": {}}));
    let partial: String =
        of_type(&events, "input_json_delta").iter().map(|e| e["data"]["partialJson"].as_str().unwrap()).collect();
    assert_eq!(partial, "{}");
    let result = one("tool_result");
    assert_eq!((&result["toolCallId"], &result["isError"]), (&json!("toolu_1"), &json!(false)));
    assert!(result["result"].as_str().unwrap().starts_with("20"), "a date: {result}");

    // The usage is that of both rounds.
    let usage =
        json!({"inputTokens": 22, "outputTokens": 46, "cacheCreationInputTokens": 10, "cacheReadInputTokens": 14});
    assert_eq!(one("conversation_end"), json!({"reason": "completed", "usage": usage}));

    let stored = chat::messages(&mut client, &image);
    let roles: Vec<&Value> = stored.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
    let parts = json!([{"type": "thinking", "text": "What time is it?"}, {"type": "text", "text": "Let me look."},
        {"type": "tool-call", "toolCallId": "toolu_1", "toolName": "current_time", "input": {}}]);
    assert_eq!(stored[1]["content"], parts);
    let expected = json!([{"type": "tool-result", "toolCallId": "toolu_1", "toolName": "current_time",
        "result": result["result"], "isError": false}]);
    assert_eq!((&stored[2]["content"], &stored[2]["subtype"]), (&expected, &json!("tool-result")));
    assert!(!stored[1].to_string().contains("sig-1"), "the signature is between us and the provider");
}

#[test]
fn what_goes_back_to_the_model() {
    let call = Script::tool_use("Hm.", "sig+/=1", "toolu_1", "current_time", &["{}"]);
    let chat = Chat::with([call, Script::thinking(&["Ah", "a."], "sig-2", "Noon."), Script::text("Bye.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "what time is it?");
    chat::chat(&mut client, &image, "thanks");
    let requests = chat.upstream.requests();
    let turns = requests[1].body["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    let assistant = json!([{"type": "thinking", "thinking": "Hm.", "signature": "sig+/=1"},
        {"type": "text", "text": "Let me look."}, {"type": "tool_use", "id": "toolu_1", "name": "current_time", "input": {}}]);
    assert_eq!(turns[1], json!({"role": "assistant", "content": assistant}));
    let result = &turns[2]["content"][0];
    assert_eq!((&turns[2]["role"], &result["type"]), (&json!("user"), &json!("tool_result")));
    assert_eq!(result["tool_use_id"], "toolu_1");
    assert!(result["content"].to_string().contains("20"), "{result}");
    // In a later turn as well, from what is stored.
    let turns = requests[2].body["messages"].as_array().unwrap();
    assert_eq!(turns[1]["content"], assistant);
    let thinking = json!({"type": "thinking", "thinking": "Aha.", "signature": "sig-2"});
    assert_eq!(turns[3]["content"][0], thinking);
}

#[test]
fn a_tool_that_does_not_exist() {
    let call = Script::tool_use("", "s", "toolu_1", "rm_rf", &[r#"{"path":"#, r#""/"}"#]);
    let chat = Chat::with([call, Script::text("I cannot.")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "delete everything");
    let result = &of_type(&events, "tool_result")[0]["data"];
    assert_eq!(result["isError"], true);
    assert!(result["result"].as_str().unwrap().contains("rm_rf"), "{result}");
    assert_eq!(of_type(&events, "tool_use_stop")[0]["data"]["input"], json!({"path": "/"}));
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let sent = &chat.upstream.requests()[1].body["messages"][2]["content"][0];
    assert_eq!((&sent["type"], &sent["is_error"]), (&json!("tool_result"), &json!(true)));
    assert_eq!(chat::said(&chat::messages(&mut client, &image)[3]), "I cannot.");
}

#[test]
fn a_model_that_never_stops_calling_tools() {
    let chat = Chat::with([]);
    let count = std::sync::atomic::AtomicUsize::new(0);
    chat.upstream.always(move || {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Script::tool_use("", "s", &format!("toolu_{n}"), "current_time", &["{}"])
    });
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(events.last().unwrap()["data"]["reason"], "limit");
    assert_eq!(of_type(&events, "tool_result").len(), 25);
    assert_eq!(chat.upstream.requests().len(), 25);
    // The person can go on all the same.
    chat.upstream.push(Script::text("Enough."));
    chat::chat(&mut client, &image, "stop that");
    assert_eq!(chat::said(chat::messages(&mut client, &image).last().unwrap()), "Enough.");
}
