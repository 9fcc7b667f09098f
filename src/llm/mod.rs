//! Asking a model, and reading its answer while it is being written.
//!
//! This room knows providers and their wires; it stores nothing and tells nobody but its caller. A [`Provider`] is
//! asked from the thread that waits for the answer; a [`Cancel`] ends that wait from any other thread.

mod anthropic;
mod cancel;
pub mod demo;
mod fault;
mod provider;
mod retry;
mod sse;
mod transport;

use std::time::Duration;

use crate::domain::message::{Message, Part, Usage};
use crate::domain::secret::Secret;
use crate::domain::{Error, StopReason};

pub use cancel::Cancel;
pub use provider::Provider;
pub use retry::Retry;
pub use transport::Timeouts;

/// Where Anthropic's own API lives; used when an endpoint names no address.
pub const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// The most a model may write in one answer, in tokens, where nobody asked for another number. Every Claude model
/// since 3.5 allows as many; more would make the provider reserve more of the account's rate limit.
pub const MAX_TOKENS: u32 = 8192;

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Anthropic,
    /// The built-in [`demo`] upstream, reached through the same code as Anthropic.
    Demo,
}

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub kind: Kind,
    /// With or without a trailing `/` or `/v1`; empty means the provider's own.
    pub base_url: String,
    pub api_key: Option<Secret>,
    pub default_model: String,
}

/// What to ask. `messages` are the conversation as it is stored: what cannot go to a model is left out here.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    pub model: &'a str,
    pub system: Option<&'a str>,
    pub messages: &'a [Message],
    /// In a stable order, or the provider's cache is of no use.
    pub tools: &'a [ToolSpec],
    /// In tokens; [`MAX_TOKENS`] is a sensible number.
    pub max_tokens: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// A JSON schema, as text.
    pub input_schema: String,
}

/// What has come so far, and in the end the whole answer.
///
/// A tool call stands in `parts` only when its input is complete; thinking that was cut off has no signature.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// As the provider names it; the one that was asked for until it has.
    pub model: String,
    pub parts: Vec<Part>,
    /// `None` while it is being written, and where the provider did not say.
    pub stop_reason: Option<StopReason>,
    pub usage: Usage,
}

/// One step of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delta<'a> {
    /// The model begins to write. Comes once, before everything but `Waiting`; after it nothing is asked again.
    Start,
    Text(&'a str),
    Thinking(&'a str),
    ToolUseStart {
        id: &'a str,
        name: &'a str,
    },
    ToolInput {
        id: &'a str,
        partial: &'a str,
    },
    /// `input` is a JSON object.
    ToolUseStop {
        id: &'a str,
        name: &'a str,
        input: &'a str,
    },
    /// It did not work; the `attempt`-th repetition follows after `delay`. `reason` is safe to show.
    Waiting {
        attempt: u32,
        delay: Duration,
        reason: &'a str,
    },
}

/// An answer that did not come to its end.
#[derive(Debug)]
pub struct Failure {
    /// `None`: somebody cancelled.
    pub error: Option<Error>,
    pub partial: Answer,
    /// Whether `Delta::Start` was given.
    pub output_began: bool,
}

impl Answer {
    fn of(model: &str) -> Self {
        Self { model: model.to_owned(), ..Self::default() }
    }
}
