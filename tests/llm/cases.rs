//! What servers in the field really send: answers with something wrong about them that are answers all the same, and
//! refusals that say what is wrong. Behind each, the next question is accepted by the real API's rules.

use portagent::domain::message::{Message, MessageRole, Part};
use portagent::domain::{Error, StopReason};

use super::{ask, ask_with, current_time, message, provider, user};
use crate::support::upstream::{Script, Upstream};

macro_rules! case {
    ($name:literal) => {
        include_bytes!(concat!("cases/", $name))
    };
}

fn stream(body: &[u8]) -> Script {
    Script::raw("text/event-stream", body)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

/// Asks, gets these parts, and asks again: no request is refused, and none is made twice.
fn answers(script: Script, parts: &[Part], reason: &StopReason) -> Vec<Part> {
    let upstream = Upstream::with([script, Script::text("And on.")]);
    let provider = provider(&upstream);
    let mut messages = vec![user("hi")];
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    if !parts.is_empty() {
        assert_eq!(answer.parts, parts);
    }
    assert_eq!(answer.stop_reason.as_ref(), Some(reason));
    messages.push(message(MessageRole::Assistant, answer.parts.clone()));
    messages.extend(answer.parts.iter().filter_map(result));
    messages.push(user("go on"));
    let next = ask_with(&provider, &messages, &[current_time()]).1.expect("the next answer");
    assert_eq!(next.parts, [text("And on.")]);
    assert_eq!(upstream.requests().len(), 2, "nothing was refused");
    answer.parts
}

fn result(part: &Part) -> Option<Message> {
    let Part::ToolCall { id, name, .. } = part else { return None };
    let (id, name, output) = (id.clone(), name.clone(), "noon".to_owned());
    Some(message(MessageRole::Tool, vec![Part::ToolResult { id, name, output, is_error: false }]))
}

#[test]
fn words_that_came_are_an_answer() {
    let check = |body: &[u8], expected: &str, reason: StopReason| {
        answers(stream(body), &[text(expected)], &reason);
    };
    check(case!("no-block-start.sse"), "Nobody opened this block.", StopReason::EndTurn);
    check(case!("string-index.sse"), "An index in quotes.", StopReason::EndTurn);
    check(case!("surrogate-halves.sse"), "ok 😀 done", StopReason::EndTurn);
    check(case!("context-window.sse"), "This answer is cut by the window", StopReason::ContextWindow);
    check(case!("refusal-mid.sse"), "Sure, first you", StopReason::Refusal);
    check(case!("tool-use-without-tool.sse"), "I will look it up.", StopReason::ToolUse);
    answers(stream(case!("empty.sse")), &[], &StopReason::EndTurn);
}

#[test]
fn only_a_needed_field_ends_an_answer() {
    let whole = String::from_utf8(case!("no-block-start.sse").to_vec()).expect("UTF-8");
    for (from, to) in [
        (r#""input_tokens": 10"#, r#""input_tokens": 10.0"#),
        (r#""input_tokens": 10"#, r#""input_tokens": -1"#),
        (r#""input_tokens": 10"#, r#""input_tokens": "10""#),
        (r#""usage": {"output_tokens": 5}"#, r#""usage": null"#),
        (r#""model": "case-model""#, r#""model": 7"#),
        (r#"event: message_stop"#, ""),
        (r#"{"type": "message_stop"}"#, "[DONE]"),
        ("event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n", ""),
    ] {
        assert!(whole.contains(from), "{from}");
        answers(stream(whole.replace(from, to).as_bytes()), &[text("Nobody opened this block.")], &StopReason::EndTurn);
    }
}

#[test]
fn one_json_body_instead_of_a_stream_is_an_answer() {
    let body = br#"{"type":"message","model":"m","content":[{"type":"text","text":"All at once."},
        {"type":"tool_use","id":"functions.x:0","name":"current_time","input":{"zone":"UTC"}}],
        "stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#;
    for kind in ["application/json", "text/event-stream", ""] {
        let parts = answers(Script::raw(kind, body), &[], &StopReason::ToolUse);
        assert_eq!(parts[0], text("All at once."));
        assert!(matches!(&parts[1], Part::ToolCall { input, .. } if input == r#"{"zone":"UTC"}"#), "{parts:?}");
    }
}

#[test]
fn gzip_that_was_not_asked_for_is_unpacked() {
    let parts = answers(Script::http(case!("gzip.http")), &[], &StopReason::EndTurn);
    assert!(matches!(&parts[0], Part::Text(text) if !text.is_empty()), "{parts:?}");
}

#[test]
fn ids_of_other_servers_are_paired_and_accepted() {
    let parts = answers(stream(case!("odd-id.sse")), &[], &StopReason::ToolUse);
    assert!(matches!(&parts[1], Part::ToolCall { name, .. } if name == "current_time"), "{parts:?}");
}

#[test]
fn the_same_id_in_every_round_is_another_call_each_time() {
    let call = || Script::tool_use("", "c2ln", "call_0", "current_time", &["{}"]);
    let upstream = Upstream::with([call(), call(), Script::text("Noon.")]);
    let provider = provider(&upstream);
    let mut messages = vec![user("hi")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
        let results: Vec<Message> = answer.parts.iter().filter_map(result).collect();
        ids.extend(answer.parts.iter().filter_map(|part| match part {
            Part::ToolCall { id, .. } => Some(id.clone()),
            _ => None,
        }));
        messages.push(message(MessageRole::Assistant, answer.parts));
        messages.extend(results);
    }
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    assert_eq!(answer.parts, [text("Noon.")]);
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn thinking_that_the_server_does_not_take_back_costs_one_request_and_no_conversation() {
    let scripts = [stream(case!("foreign-thinking.sse")), Script::text("And on."), Script::text("Again.")];
    let upstream = Upstream::with(scripts);
    let provider = provider(&upstream);
    let mut messages = vec![user("hi")];
    let answer = ask(&provider, &messages).1.expect("an answer");
    assert_eq!(answer.parts[1], text("Thought out."));
    messages.push(message(MessageRole::Assistant, answer.parts));
    for (question, requests, expected) in [("go on", 3, "And on."), ("and on", 4, "Again.")] {
        messages.push(user(question));
        let answer = ask(&provider, &messages).1.expect("the next answer");
        assert_eq!(answer.parts, [text(expected)]);
        assert_eq!(upstream.requests().len(), requests, "what was learned is remembered");
        messages.push(message(MessageRole::Assistant, answer.parts));
    }
}

/// The error of a question that is asked once and refused.
fn refusal(script: Script) -> Error {
    let upstream = Upstream::with([script]);
    let failure = ask(&provider(&upstream), &[user("hi")]).1.expect_err("a refusal");
    assert_eq!(upstream.requests().len(), 1);
    failure.error.expect("an error")
}

#[test]
fn the_other_sides_own_words_are_shown() {
    let check = |file: &[u8], code: &str, words: &str| {
        let error = refusal(Script::http(file));
        assert_eq!(error.code.as_str(), code);
        assert!(error.message.contains(words), "{error}");
    };
    check(case!("error-detail.http"), "upstream_bad_request", "model is not enabled for group default");
    check(case!("error-under-200.http"), "upstream_billing", "the quota of this token is used up");
    check(case!("challenge-403.http"), "upstream_blocked", "Just a moment...");
}

#[test]
fn a_page_is_called_that_and_does_not_blame_the_key() {
    let pages = [
        Script::http(case!("challenge-403.http")),
        Script::raw("text/html", b"\n<!DOCTYPE html><html><title>Sign in</title></html>"),
    ];
    for page in pages {
        let error = refusal(page);
        assert!(error.message.contains("A web page came instead"), "{error}");
        assert!(!error.message.contains("API key") && !error.hint.expect("a hint").contains("LLM_PROVIDER_KEY"));
    }
}

#[test]
fn a_model_that_writes_less_says_so_once() {
    let refusal = "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for m";
    let upstream = Upstream::with([
        Script::refusal(400, "invalid_request_error", refusal),
        Script::text("one"),
        Script::text("two"),
    ]);
    let provider = provider(&upstream);
    let messages = [user("hi")];
    let prompt = portagent::llm::Prompt {
        model: "m",
        system: None,
        messages: &messages,
        tools: &[],
        max_tokens: None,
        effort: None,
    };
    for _ in 0..2 {
        provider.stream(&prompt, &portagent::llm::Cancel::new(), &mut |_, _| {}).expect("an answer");
    }
    let asked: Vec<_> = upstream.requests().iter().map(|request| request.body["max_tokens"].clone()).collect();
    assert_eq!(asked, [32_000, 8192, 8192]);
}
