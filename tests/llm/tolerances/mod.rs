//! What servers in the field do differently from those whose wire they speak, as tables: a row is one peculiarity, with
//! the wires on which it is tried. Behind every answer the next question goes out once and is accepted by the strict
//! upstream.

mod bodies;
mod minted;
mod refused;
mod spoilt;
mod trouble;

use portagent::domain::StopReason;
use portagent::domain::message::{Message, MessageRole, Part};
use portagent::llm::{Answer, Kind, Provider};

use super::{ask_with, current_time, message, provider_of, user};
use crate::support::upstream::{Script, Upstream};
use crate::support::wires::Wire;

fn kind(wire: Wire) -> Kind {
    match wire {
        Wire::Anthropic => Kind::Anthropic,
        Wire::Chat => Kind::OpenAi,
        Wire::Responses => Kind::Responses,
        Wire::Ollama => Kind::Ollama,
    }
}

fn provider(upstream: &Upstream, wire: Wire) -> Provider {
    provider_of(upstream, kind(wire))
}

/// What a person sees of an answer.
fn shown(answer: &Answer) -> Vec<String> {
    let one = |part: &Part| match part {
        Part::Text(text) => Some(format!("text {text}")),
        Part::ToolCall { name, input, .. } => Some(format!("call {name} {input}")),
        _ => None,
    };
    answer.parts.iter().filter_map(one).collect()
}

/// The results of all calls of an answer: `1`, `2`, and so on.
fn results(answer: &Answer) -> Vec<Message> {
    let calls = answer.parts.iter().filter_map(|part| match part {
        Part::ToolCall { id, name, .. } => Some((id.clone(), name.clone())),
        _ => None,
    });
    let result = |(number, (id, name))| {
        message(MessageRole::Tool, vec![Part::ToolResult { id, name, output: format!("{number}"), is_error: false }])
    };
    (1..).zip(calls).map(result).collect()
}

/// The answer to a question with a tool on offer, after the next question was answered too, with one request each.
fn answered(wire: Wire, what: &str, script: Script) -> Answer {
    let upstream = Upstream::with([script, wire.text(&["And on."])]);
    let provider = provider(&upstream, wire);
    let mut messages = vec![user("hi")];
    let asked = |messages: &[Message]| {
        let outcome = ask_with(&provider, messages, &[current_time()]).1;
        outcome.unwrap_or_else(|failure| panic!("{what} on {wire:?}: {:?}", failure.error))
    };
    let answer = asked(&messages);
    messages.push(message(MessageRole::Assistant, answer.parts.clone()));
    messages.extend(results(&answer));
    messages.push(user("go on"));
    assert_eq!(shown(&asked(&messages)), ["text And on."], "{what} on {wire:?}");
    assert_eq!(upstream.requests().len(), 2, "{what} on {wire:?}: one request a question");
    answer
}

fn check(wire: Wire, what: &str, script: Script, expected: &[&str], reason: StopReason) -> Answer {
    let answer = answered(wire, what, script);
    assert_eq!(shown(&answer), expected, "{what} on {wire:?}");
    assert_eq!(answer.stop_reason, Some(reason), "{what} on {wire:?}");
    answer
}
