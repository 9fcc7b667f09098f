//! Ids, names and secrets that a server made: they go out valid, unique and paired, to it and to any other.

use portagent::domain::message::{Message, MessageRole, Part};
use serde_json::Value;

use super::{answered, provider, results, shown};
use crate::llm::{ask_with, current_time, message, user};
use crate::support::upstream::{Recorded, Script, Step, Upstream};
use crate::support::wires::Wire::{self, Anthropic, Chat, Ollama, Responses};

/// As servers mint them; each round's call gets the same one.
const IDS: &[&str] = &[
    "functions.x:0",
    "call_0",
    "",
    "two words",
    "呼叫",
    "chatcmpl-tool-0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
];
const NAMES: &[&str] = &[
    "current_time",
    "default_api:current_time",
    "a name of more than sixty-four letters, dots. and blanks, which no API takes back",
];

/// A call with this id and name.
fn call(wire: Wire, id: &str, name: &str) -> Script {
    let mut script = wire.call("current_time", "{}");
    for step in &mut script.steps {
        if let Step::Bytes(bytes) = step {
            let text = String::from_utf8(bytes.clone()).expect("UTF-8");
            let text = text.replace("toolu_1", id).replace("\"call_1\"", &format!("\"{id}\""));
            *bytes = text.replace("\"current_time\"", &format!("\"{name}\"")).into_bytes();
        }
    }
    script
}

/// The ids of calls and of their results as they went out, in this order.
fn sent(request: &Recorded, wire: Wire) -> (Vec<String>, Vec<String>) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    let mut note = |to: &str, id: &Value| {
        let list = if to == "call" { &mut calls } else { &mut results };
        list.extend(id.as_str().map(str::to_owned));
    };
    let list = if wire == Responses { &request.body["input"] } else { &request.body["messages"] };
    for item in list.as_array().expect("a list") {
        note(if item["type"] == "function_call" { "call" } else { "result" }, &item["call_id"]);
        note("result", &item["tool_call_id"]);
        item["tool_calls"].as_array().into_iter().flatten().for_each(|call| note("call", &call["id"]));
        for block in item["content"].as_array().into_iter().flatten() {
            note("result", &block["tool_use_id"]);
            note("call", if block["type"] == "tool_use" { &block["id"] } else { &Value::Null });
        }
    }
    (calls, results)
}

#[test]
fn goes_back_valid_unique_and_paired() {
    for wire in [Anthropic, Chat, Responses] {
        for (id, name) in IDS.iter().map(|id| (*id, NAMES[0])).chain(NAMES.iter().map(|name| ("c", *name))) {
            let upstream = Upstream::with([call(wire, id, name), call(wire, id, name), wire.text(&["Noon."])]);
            let provider = provider(&upstream, wire);
            let mut messages = vec![user("hi")];
            for _ in 0..2 {
                let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
                let results = results(&answer);
                messages.push(message(MessageRole::Assistant, answer.parts));
                messages.extend(results);
            }
            let outcome = ask_with(&provider, &messages, &[current_time()]).1;
            let answer = outcome.unwrap_or_else(|failure| panic!("{id:?} {name:?} on {wire:?}: {:?}", failure.error));
            assert_eq!(shown(&answer), ["text Noon."]);
            assert_eq!(upstream.requests().len(), 3, "{id:?} {name:?} on {wire:?}: nothing was refused");
            let (calls, results) = sent(&upstream.requests()[2], wire);
            assert_eq!((calls.len(), &calls), (2, &results), "{id:?} on {wire:?}");
            assert_ne!(calls[0], calls[1], "{id:?} on {wire:?}");
        }
    }
}

#[test]
fn two_calls_that_share_an_id_keep_their_results() {
    let calls = r#"{"choices":[{"delta":{"tool_calls":[
        {"index":0,"id":"c","function":{"name":"current_time","arguments":"{\"a\":1}"}},
        {"index":1,"id":"c","function":{"name":"later","arguments":"{\"b\":2}"}}]},"finish_reason":"tool_calls"}]}"#;
    let answer = answered(Chat, "one id for two", Script::chunks(&[&calls.replace('\n', " ")]));
    assert_eq!(shown(&answer).len(), 2, "{answer:?}");
}

/// A conversation with thinking, words, a call and its result, as this wire gives them.
fn conversation(wire: Wire) -> Vec<Message> {
    let upstream = Upstream::with([wire.call("current_time", "{}"), wire.text(&["Noon."])]);
    let provider = provider(&upstream, wire);
    let mut messages = vec![user("what time is it?")];
    for _ in 0..2 {
        let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
        let results = results(&answer);
        // Nothing of this is good anywhere else.
        let foreign = |part| match part {
            Part::Thinking { text, signature: Some(_) } => {
                Part::Thinking { text, signature: Some("of-another-provider".to_owned()) }
            }
            other => other,
        };
        messages.push(message(MessageRole::Assistant, answer.parts.into_iter().map(foreign).collect()));
        messages.extend(results);
    }
    messages.push(user("thanks"));
    messages
}

#[test]
fn a_conversation_goes_on_over_any_other_wire() {
    for from in Wire::ALL {
        let messages = conversation(from);
        for to in Wire::ALL {
            let upstream = Upstream::start();
            upstream.always(move || to.text(&["You are welcome."]));
            let outcome = ask_with(&provider(&upstream, to), &messages, &[current_time()]).1;
            let answer = outcome.unwrap_or_else(|failure| panic!("{from:?} to {to:?}: {:?}", failure.error));
            assert_eq!(shown(&answer), ["text You are welcome."], "{from:?} to {to:?}");
            // Signed thinking that is refused costs one request, once.
            let most = if (from, to) == (Anthropic, Anthropic) { 2 } else { 1 };
            let requests = upstream.requests();
            assert_eq!(requests.len(), most, "{from:?} to {to:?}");
            let sent = requests[most - 1].body.to_string();
            assert!(sent.contains("Let me look.") && sent.contains("current_time"), "{from:?} to {to:?}: {sent}");
            let secrets = ["c2VjcmV0", "of-another-provider"];
            let is_own = from == to;
            assert!(is_own || !secrets.iter().any(|secret| sent.contains(secret)), "{from:?} to {to:?}: {sent}");
            assert!(to == Ollama || from == to || !sent.contains("Which tool?"), "{from:?} to {to:?}: {sent}");
        }
    }
}
