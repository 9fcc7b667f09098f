//! OpenAI's Responses, with nothing stored on the other side, as OpenAI and those who imitate it speak them.

use portagent::domain::StopReason;
use portagent::domain::message::{MessageRole, Part, Usage};
use portagent::llm::{Answer, Kind, Provider};
use serde_json::{Value, json};

use super::{ask, ask_with, current_time, message, provider_of, user};
use crate::support::upstream::{Script, Upstream};

fn provider(upstream: &Upstream) -> Provider {
    provider_of(upstream, Kind::Responses)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn thought(text: &str) -> Part {
    Part::Thinking { text: text.to_owned(), signature: None }
}

fn answer(events: &[Value]) -> Answer {
    let upstream = Upstream::with([Script::events(events)]);
    ask_with(&provider(&upstream), &[user("hi")], &[current_time()]).1.expect("an answer")
}

fn added(index: usize, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: usize, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn piece(kind: &str, index: usize, id: &str, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index, "item_id": id, "content_index": 0, "delta": delta})
}

fn completed(output: Value) -> Value {
    let usage = json!({"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2},
        "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 29});
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "m-2026", "status": "completed",
        "error": null, "incomplete_details": null, "output": output, "usage": usage}})
}

fn reasoning(secret: &str) -> Value {
    json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Which tool?"}],
        "encrypted_content": secret})
}

fn call() -> Value {
    json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "current_time",
        "arguments": "{\"zone\":\"UTC\"}"})
}

fn said(phase: Option<&str>) -> Value {
    let content = json!([{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}]);
    let mut item =
        json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content});
    if let Some(phase) = phase {
        item["phase"] = json!(phase);
    }
    item
}

/// A round as OpenAI streams it: thinking, a sentence, a call.
fn round(secret: &str) -> Vec<Value> {
    let created = json!({"type": "response.created", "response": {"id": "resp_1", "model": "m-2026", "status": "in_progress",
        "error": null, "output": []}});
    vec![
        created,
        added(0, json!({"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "not whole"})),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "item_id": "rs_1", "summary_index": 0}),
        piece("reasoning_summary_text", 0, "rs_1", "Which "),
        piece("reasoning_summary_text", 0, "rs_1", "tool?"),
        done(0, reasoning(secret)),
        added(1, json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [], "phase": "commentary"})),
        json!({"type": "response.content_part.added", "output_index": 1, "item_id": "msg_1", "part": {"type": "output_text"}}),
        piece("output_text", 1, "msg_1", "Let me "),
        piece("output_text", 1, "msg_1", "look."),
        json!({"type": "response.output_text.done", "output_index": 1, "item_id": "msg_1", "text": "Let me look."}),
        done(1, said(Some("commentary"))),
        added(
            2,
            json!({"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "current_time", "arguments": ""}),
        ),
        piece("function_call_arguments", 2, "fc_1", "{\"zone\":"),
        piece("function_call_arguments", 2, "fc_1", "\"UTC\"}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "item_id": "fc_1", "arguments": "{\"zone\":\"UTC\"}"}),
        done(2, call()),
        completed(json!([])),
    ]
}

fn noon() -> Script {
    Script::events(&[piece("output_text", 0, "msg_2", "Noon."), completed(json!([]))])
}

#[test]
fn a_question_as_it_goes_out() {
    let upstream = Upstream::with([noon()]);
    let (told, outcome) = ask_with(&provider(&upstream), &[user("hi")], &[current_time()]);
    assert_eq!(told, ["start", "text Noon."]);
    let answer = outcome.expect("an answer");
    assert_eq!((answer.model.as_str(), answer.stop_reason), ("m-2026", Some(StopReason::EndTurn)));
    assert_eq!(answer.usage, Usage { input: 10, cache_read: 8, cache_creation: 2, output: 9 });
    let request = &upstream.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/responses"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", super::KEY).as_str()));
    let tool = json!({"type": "function", "name": "current_time", "description": "The time of day.", "strict": false,
        "parameters": {"type": "object", "properties": {}}});
    let expected = json!({"model": "model-asked", "stream": true, "store": false, "instructions": "Be kind.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], "max_output_tokens": 100,
        "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}, "tools": [tool]});
    assert_eq!(request.body, expected);
}

#[test]
fn thinking_and_a_tool_make_a_round() {
    let upstream = Upstream::with([Script::events(&round("c2VjcmV0")), noon()]);
    let provider = provider(&upstream);
    let mut messages = vec![user("what time is it?")];
    let (told, outcome) = ask_with(&provider, &messages, &[current_time()]);
    let expected = [
        "start",
        "thinking Which ",
        "thinking tool?",
        "text Let me ",
        "text look.",
        "tool call_1 current_time",
        "input call_1 {\"zone\":",
        "input call_1 \"UTC\"}",
        "call call_1 current_time {\"zone\":\"UTC\"}",
    ];
    assert_eq!(told, expected);
    let answer = outcome.expect("an answer");
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));
    messages.push(message(MessageRole::Assistant, answer.parts));
    messages.push(result("call_1"));
    ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    let sent = upstream.requests()[1].body["input"].clone();
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "current_time", "arguments": "{\"zone\":\"UTC\"}"});
    let expected = json!([{"role": "user", "content": [{"type": "input_text", "text": "what time is it?"}]},
        reasoning("c2VjcmV0"), {"role": "assistant", "content": "Let me look.", "phase": "commentary"}, call,
        {"type": "function_call_output", "call_id": "call_1", "output": "noon"}]);
    assert_eq!(sent, expected);

    // Another provider gets what was said, and nothing that only this one can read.
    let elsewhere = Upstream::with([Script::text("noon")]);
    ask_with(&super::provider(&elsewhere), &messages, &[current_time()]).1.expect("an answer");
    let sent = elsewhere.requests()[0].body["messages"].to_string();
    assert!(!sent.contains("c2VjcmV0") && !sent.contains("commentary") && !sent.contains("Which tool"), "{sent}");
}

fn result(id: &str) -> portagent::domain::message::Message {
    let (id, name, output) = (id.to_owned(), "current_time".to_owned(), "noon".to_owned());
    message(MessageRole::Tool, vec![Part::ToolResult { id, name, output, is_error: false }])
}

#[test]
fn answers_in_all_spellings() {
    let shown = |answer: &Answer| -> Vec<Part> {
        answer.parts.iter().filter(|part| !matches!(part, Part::Opaque { .. })).cloned().collect()
    };
    let input = r#"{"zone":"UTC"}"#.to_owned();
    let called = Part::ToolCall { id: "call_1".to_owned(), name: "current_time".to_owned(), input };
    let all = [thought("Which tool?"), text("Let me look."), called];
    let check = |what: &str, events: &[Value]| assert_eq!(shown(&answer(events)), all, "{what}");
    check("as OpenAI does it", &round("c2VjcmV0"));
    let without = |left_out: &str| -> Vec<Value> {
        round("c2VjcmV0").into_iter().filter(|event| event["type"].as_str() != Some(left_out)).collect()
    };
    check("items are not announced", &without("response.output_item.added"));
    check("arguments come whole", &without("response.function_call_arguments.delta"));
    let whole: Vec<Value> = round("c2VjcmV0").into_iter().filter(|event| event.get("delta").is_none()).collect();
    check("nothing comes in pieces", &whole);
    check("only the end comes", &[completed(json!([reasoning("c2VjcmV0"), said(None), call()]))]);
    let nameless: Vec<Value> = round("c2VjcmV0")
        .into_iter()
        .map(|mut event| {
            event.as_object_mut().expect("an object").remove("item_id");
            event
        })
        .collect();
    check("pieces do not say to which item they belong", &nameless);
    let renamed: Vec<Value> = round("c2VjcmV0")
        .into_iter()
        .enumerate()
        .map(|(at, mut event)| {
            if event.get("item_id").is_some() {
                event["item_id"] = json!(format!("item-{at}"));
            }
            event
        })
        .collect();
    check("each piece has another id", &renamed);
    let whole = json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed", "error": null,
        "output": [reasoning("c2VjcmV0"), said(None), call()]})
    .to_string();
    let upstream = Upstream::with([Script::raw("application/json", whole.as_bytes())]);
    let answer = ask_with(&provider(&upstream), &[user("hi")], &[current_time()]).1.expect("an answer");
    assert_eq!((shown(&answer), answer.stop_reason), (all.to_vec(), Some(StopReason::ToolUse)));
}

#[test]
fn ends_in_all_spellings() {
    let begun = piece("output_text", 0, "msg_1", "a");
    let incomplete = |reason: &str| {
        json!({"type": "response.incomplete", "response": {"status": "incomplete",
        "incomplete_details": {"reason": reason}, "output": []}})
    };
    let check = |events: &[Value], expected: StopReason| assert_eq!(answer(events).stop_reason, Some(expected));
    check(&[begun.clone(), incomplete("max_output_tokens")], StopReason::MaxTokens);
    check(&[begun.clone(), incomplete("content_filter")], StopReason::Refusal);
    check(&[piece("refusal", 0, "msg_1", "No."), completed(json!([]))], StopReason::Refusal);
    let upstream = Upstream::with([Script::events(&[begun])]);
    let error = ask(&provider(&upstream), &[user("hi")]).1.expect_err("no end").error.expect("an error");
    assert_eq!(error.code.as_str(), "upstream_broken_stream");
}

#[test]
fn errors_in_all_shapes() {
    let failed = |code: &str, words: &str| {
        json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": code, "message": words}, "output": []}})
    };
    for (event, expected) in [
        (failed("server_error", "boom"), "upstream_unavailable"),
        (failed("context_length_exceeded", "long"), "upstream_too_large"),
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null}),
            "upstream_rate_limited",
        ),
        (json!({"type": "error", "error": {"type": "insufficient_quota", "message": "quota"}}), "upstream_billing"),
    ] {
        let begun = piece("output_text", 0, "msg_1", "a");
        let upstream = Upstream::with([Script::events(&[begun, event])]);
        let failure = ask(&provider(&upstream), &[user("hi")]).1.expect_err("an error");
        assert_eq!(failure.error.expect("an error").code.as_str(), expected);
        assert_eq!(failure.partial.parts, [text("a")]);
    }
}

#[test]
fn what_a_model_does_not_take_is_left_out_once_and_for_all() {
    let check = |words: &str, gone: &[&str]| {
        let upstream = Upstream::with([Script::refusal(400, "invalid_request_error", words), noon(), noon()]);
        let provider = provider(&upstream);
        for _ in 0..2 {
            ask(&provider, &[user("hi")]).1.expect("an answer");
        }
        let requests = upstream.requests();
        assert_eq!(requests.len(), 3, "{words}");
        for name in gone {
            assert!(requests[0].body.get(*name).is_some() && requests[2].body.get(*name).is_none(), "{name}: {words}");
        }
    };
    check("Encrypted content is not supported with this model.", &["include", "reasoning"]);
    check("Unsupported parameter: 'reasoning.summary' is not supported with this model.", &["include", "reasoning"]);
    check("Your organization must be verified to generate reasoning summaries.", &["reasoning"]);
}

#[test]
fn notes_of_another_account_cost_one_request_and_no_conversation() {
    let upstream = Upstream::with([Script::events(&round("foreign")), noon(), noon()]);
    let provider = provider(&upstream);
    let mut messages = vec![user("what time is it?")];
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    messages.push(message(MessageRole::Assistant, answer.parts));
    messages.push(result("call_1"));
    for requests in [3, 4] {
        ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
        assert_eq!(upstream.requests().len(), requests);
    }
}

#[test]
fn a_model_that_wants_this_wire_gets_it() {
    let words = "Function tools with reasoning_effort are not supported for gpt-x in /v1/chat/completions. Please use \
                 /v1/responses instead.";
    let upstream = Upstream::with([Script::refusal(400, "invalid_request_error", words), noon(), noon()]);
    let provider = provider_of(&upstream, Kind::OpenAi);
    for _ in 0..2 {
        ask_with(&provider, &[user("hi")], &[current_time()]).1.expect("an answer");
    }
    let paths: Vec<String> = upstream.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["/v1/chat/completions", "/v1/responses", "/v1/responses"]);
}
