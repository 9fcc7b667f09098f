//! A conversation that no longer fits the model: a stated rule leaves out whole turns, and it is said.

use serde_json::json;

use crate::support::chat::{self, Chat, of_type};
use crate::support::eventually;
use crate::support::upstream::Script;
use crate::support::wires::Wire;

fn too_long() -> Script {
    Script::refusal(400, "invalid_request_error", "prompt is too long: 209153 tokens > 200000 maximum")
}

fn questions(chat: &Chat, request: usize) -> Vec<String> {
    let messages = chat.upstream.requests()[request].body["messages"].as_array().unwrap().clone();
    let asked = messages.iter().filter(|message| message["role"] == "user");
    asked
        .flat_map(|message| message["content"].as_array().unwrap().clone())
        .map(|part| chat::text_of(&part["text"]))
        .collect()
}

#[test]
fn whole_turns_go_and_the_first_question_stays() {
    let chat = Chat::with((1..=4).map(|n| Script::text(&format!("Answer {n}."))));
    let (mut client, image) = chat.conversation();
    let sent: Vec<_> = (1..=4)
        .map(|n| {
            let sent = chat::send(&mut client, &image, &format!("Question {n}?"));
            client.events_until("conversation_end");
            sent
        })
        .collect();
    chat.upstream.push(too_long());
    chat.upstream.push(Script::text("Answer 5."));
    let events = chat::chat(&mut client, &image, "Question 5?");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{events:?}");
    let trimmed = &of_type(&events, "context_trimmed")[0]["data"];
    assert_eq!(trimmed, &json!({"fromTurnId": sent[3]["turnId"]}));
    assert_eq!(questions(&chat, 4).len(), 5);
    assert_eq!(questions(&chat, 5), ["Question 1?", "Question 4?", "Question 5?"]);

    // Said after a reload as well, and remembered: the model is not asked twice again.
    let stored = chat::messages(&mut client, &image);
    let part = json!([{"type": "context-trimmed", "fromTurnId": sent[3]["turnId"]}]);
    assert_eq!((stored.len(), &stored[9]["content"]), (11, &part), "{stored:?}");
    chat.upstream.push(Script::text("Answer 6."));
    chat::chat(&mut client, &image, "Question 6?");
    assert_eq!(questions(&chat, 6), ["Question 1?", "Question 4?", "Question 5?", "Question 6?"]);
}

#[test]
fn more_than_we_ever_send_is_cut_by_the_same_rule() {
    let chat = Chat::with((1..=4).map(|n| Script::text(&format!("Answer {n}."))));
    let (mut client, image) = chat.conversation();
    let long = |n: usize| format!("Question {n}? {}", "x".repeat(400 * 1024));
    for n in 1..=4 {
        let events = chat::chat(&mut client, &image, &long(n));
        let trimmed = of_type(&events, "context_trimmed").len();
        assert_eq!(trimmed, usize::from(n == 3), "said once, when it happens: {n}");
    }
    assert_eq!(questions(&chat, 2), [long(1), long(3)]);
    assert_eq!(questions(&chat, 3), [long(1), long(3), long(4)]);
}

#[test]
fn a_question_that_is_too_long_alone_is_refused() {
    let chat = Chat::with([too_long()]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "long");
    assert_eq!(of_type(&events, "error_occurred")[0]["data"]["code"], "upstream_too_large");
    assert_eq!(chat.upstream.requests().len(), 1);
}

#[test]
fn ollama_cuts_nothing_silently() {
    let chat = Chat::on(Wire::Ollama, (1..=4).map(|_| Wire::Ollama.text(&["Yes."])));
    let (mut client, image) = chat.conversation();
    for n in 1..=4 {
        chat::chat(&mut client, &image, &format!("Question {n}?"));
    }
    let refusal = br#"{"error":"input length exceeds maximum context length"}"#;
    chat.upstream.push(Script { status: 400, ..Script::raw("application/json", refusal) });
    chat.upstream.push(Wire::Ollama.text(&["Still here."]));
    let events = chat::chat(&mut client, &image, "Question 5?");
    assert_eq!((of_type(&events, "context_trimmed").len(), chat::streamed(&events).as_str()), (1, "Still here."));
    let requests = chat.upstream.requests();
    assert_eq!((&requests[4].body["truncate"], requests.len()), (&json!(false), 6));
    let asked = requests[5].body["messages"].to_string();
    assert!(
        asked.contains("Question 1?") && !asked.contains("Question 2?") && asked.contains("Question 5?"),
        "{asked}"
    );
    let stored = chat::messages(&mut client, &image);
    assert!(
        stored.iter().any(|message| message["content"][0]["type"] == "context-trimmed"),
        "after a reload: {stored:?}"
    );
}

#[test]
fn what_is_filled_of_the_window_is_said() {
    let mut chat = Chat::with([Script::text("One."), Script::text("Two.")]);
    chat.upstream
        .lists(json!({"has_more": false, "data": [{"id": "claude-sonnet-5-5", "max_input_tokens": 1_000_000}]}));
    chat.server.restart(); // it lists its models anew
    let (mut client, image) = chat.conversation();
    assert_eq!(chat::page(&mut client, &image)["context"], json!(null));
    chat::chat(&mut client, &image, "Question?");
    eventually("the models are listed", || chat::page(&mut client, &image)["context"]["window"] == 1_000_000);
    assert_eq!(chat::page(&mut client, &image)["context"]["tokens"], 11 + 5 + 7 + 23);
    let events = chat::chat(&mut client, &image, "And?");
    let usage = &of_type(&events, "message_stop")[0]["data"]["usage"];
    let filled: u64 = usage.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(chat::page(&mut client, &image)["context"]["tokens"], filled);
}
