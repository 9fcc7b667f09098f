//! The provider against a scripted upstream, through its public face only.

mod cancel;
mod cases;
mod connections;
mod demo;
mod failures;
mod litellm;
mod ollama;
mod openai;
mod responses;
mod sdks;
mod streams;
mod tolerances;

use std::time::Duration;

use portagent::domain::id::{MessageId, SessionId};
use portagent::domain::message::{Message, MessageRole, MessageStatus, Part, Usage};
use portagent::domain::secret::Secret;
use portagent::llm::{Answer, Cancel, Delta, Endpoint, Failure, Kind, Prompt, Provider, Retry, Timeouts, ToolSpec};

use crate::support::upstream::Upstream;

const KEY: &str = "sk-test-0123456789abcdef";

/// A provider that waits for nothing longer than a test should.
fn provider(upstream: &Upstream) -> Provider {
    provider_of(upstream, Kind::Anthropic)
}

fn provider_of(upstream: &Upstream, kind: Kind) -> Provider {
    let endpoint = Endpoint {
        name: "test".to_owned(),
        kind,
        base_url: upstream.url(),
        api_key: Some(Secret::new(KEY)),
        needs_key: true,
        default_model: "model-asked".to_owned(),
    };
    quick(endpoint)
}

fn quick(endpoint: Endpoint) -> Provider {
    let retry = Retry { most: 2, first_delay: Duration::from_millis(20), ..Retry::default() };
    Provider::new(endpoint, Timeouts::default()).with_retry(retry)
}

fn message(role: MessageRole, parts: Vec<Part>) -> Message {
    Message {
        id: MessageId::random(),
        session_id: SessionId::random(),
        turn_id: None,
        role,
        parts,
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: 0,
    }
}

fn user(text: &str) -> Message {
    message(MessageRole::User, vec![Part::Text(text.to_owned())])
}

fn current_time() -> ToolSpec {
    ToolSpec {
        name: "current_time".to_owned(),
        description: "The time of day.".to_owned(),
        input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
    }
}

/// Asks, and gives every step as a line of text beside the outcome.
fn ask(provider: &Provider, messages: &[Message]) -> (Vec<String>, Result<Answer, Box<Failure>>) {
    ask_with(provider, messages, &[])
}

fn ask_with(
    provider: &Provider,
    messages: &[Message],
    tools: &[ToolSpec],
) -> (Vec<String>, Result<Answer, Box<Failure>>) {
    let model = provider.endpoint().default_model.clone();
    let prompt =
        Prompt { model: &model, system: Some("Be kind."), messages, tools, max_tokens: Some(100), effort: None };
    let mut told = Vec::new();
    let outcome = provider.stream(&prompt, &Cancel::new(), &mut |delta, _| {
        if !matches!(delta, Delta::RequestEnd { .. }) {
            told.push(tell(&delta));
        }
    });
    (told, outcome)
}

/// The status and the usage of every request that a question takes.
fn spent(provider: &Provider, messages: &[Message]) -> Vec<(u16, Usage, Option<u64>)> {
    let model = provider.endpoint().default_model.clone();
    let prompt = Prompt { model: &model, system: None, messages, tools: &[], max_tokens: Some(100), effort: None };
    let mut spent = Vec::new();
    let _ = provider.stream(&prompt, &Cancel::new(), &mut |delta, answer| {
        if let Delta::RequestEnd { status } = delta {
            spent.push((status, answer.usage, answer.cost));
        }
    });
    spent
}

fn tell(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Start => "start".to_owned(),
        Delta::Text(text) => format!("text {text}"),
        Delta::Thinking(text) => format!("thinking {text}"),
        Delta::ToolUseStart { id, name } => format!("tool {id} {name}"),
        Delta::ToolInput { id, partial } => format!("input {id} {partial}"),
        Delta::ToolUseStop { id, name, input } => format!("call {id} {name} {input}"),
        Delta::Waiting { attempt, reason, .. } => format!("waiting {attempt} {reason}"),
        Delta::RequestEnd { status } => format!("end {status}"),
    }
}
