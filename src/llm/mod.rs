//! Asking a model, and reading its answer while it is being written.
//!
//! This room knows providers and their wires; it stores nothing and reports to its caller only. A [`Provider`] is
//! asked from the thread that waits for the answer; a [`Cancel`] ends that wait from any other thread.

mod anthropic;
mod call;
mod connections;
mod connector;
pub mod demo;
mod dialect;
mod draft;
mod efforts;
mod fault;
mod history;
mod json;
mod lessons;
mod listing;
mod models;
mod ollama;
mod openai;
mod openai_base;
mod provider;
mod reading;
mod refusal;
mod responses;
mod retry;
mod schema;
mod transport;
mod wires;

use std::time::Duration;

use crate::domain::message::{Message, Part, Usage};
use crate::domain::secret::Secret;
use crate::domain::{Error, StopReason};

pub use crate::domain::Cancel;
pub use crate::domain::tool::ToolSpec;
pub use crate::domain::vendor::Kind;
pub use listing::Listed;
pub use models::Model;
pub use provider::Provider;
pub use retry::Retry;
pub use transport::Timeouts;

/// Where Anthropic's own API lives; used when an endpoint names no address.
const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What the provider is called here.
    pub name: String,
    pub kind: Kind,
    /// However it was typed; empty means the provider's own.
    pub base_url: String,
    pub api_key: Option<Secret>,
    pub needs_key: bool,
    /// Empty: the first that the provider lists.
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
    /// In tokens; `None`: as much as the model may.
    pub max_tokens: Option<u32>,
    /// How deeply to think, one of [`EFFORTS`](crate::domain::conversation::EFFORTS); `None`: as the model decides.
    pub effort: Option<&'a str>,
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
    /// What the provider charges for it, in millionths of a US dollar, where it says.
    pub cost: Option<u64>,
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
    /// One request to the provider is over, whatever became of it; a question may take several. What it used and cost,
    /// as far as the provider has said, stands in the answer beside this. `status` is that of HTTP; 0: none came.
    RequestEnd {
        status: u16,
    },
}

impl From<Error> for Box<Failure> {
    /// Nothing was asked.
    fn from(error: Error) -> Self {
        Self::new(Failure { error: Some(error), partial: Answer::default(), output_began: false })
    }
}

/// An answer that did not come to its end.
#[derive(Debug)]
pub struct Failure {
    /// `None`: the request was cancelled.
    pub error: Option<Error>,
    pub partial: Answer,
    /// Whether `Delta::Start` was given.
    pub output_began: bool,
}

impl Failure {
    /// Stopped before anything was asked.
    pub fn cancelled() -> Self {
        Self { error: None, partial: Answer::default(), output_began: false }
    }
}
