//! What the wires have in common, and all that [`Provider`](super::Provider) knows of any of them.

use serde_json::Value;

use super::Prompt;
use super::draft::Draft;
use super::fault::Fault;
use super::lessons::Lessons;
use super::models::Model;
use crate::domain::conversation::EFFORTS;
use crate::domain::secret::Secret;

pub(super) trait Dialect: Send + Sync {
    /// Where a question goes, however the base was typed; an empty base is the provider's own.
    fn chat_url(&self, base: &str) -> String;

    /// Where the models are listed.
    fn models_url(&self, base: &str) -> String;

    /// The headers that carry the key, and those that the wire wants beside it.
    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)>;

    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// The request. Errors: `Upstream` when nothing of the messages can go to a model.
    fn body(&self, prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault>;

    /// Reads one answer; `origin` marks what may go back to the same provider and model only.
    fn reader(&self, origin: &str, prompt: &Prompt<'_>) -> Box<dyn Reader>;

    /// A list of models, in the server's order.
    fn models(&self, list: &Value) -> Vec<Model>;

    /// Where more is said of one model than its list says, and the question there.
    fn details(&self, _base: &str, _model: &str) -> Option<(String, Value)> {
        None
    }

    /// Takes in the answer to that.
    fn describe(&self, _model: &mut Model, _details: &Value) {}

    /// Whether the size of a model's context is chosen with each request.
    fn takes_context(&self) -> bool {
        false
    }

    /// Where the list goes on, for wires that give it in pages.
    fn next_page(&self, _url: &str, _list: &Value) -> Option<String> {
        None
    }
}

/// How a request is formed for one provider and model.
pub(super) struct Form<'a> {
    /// Kind, provider and model.
    pub origin: &'a str,
    /// What the provider has taught us about this model.
    pub lessons: &'a Lessons,
    /// Thinking in so many messages from the beginning is left out.
    pub forget_thinking: usize,
    /// The model says that it thinks when it is asked to.
    pub thinks: bool,
    /// The most that the model writes, in tokens, where it says.
    pub most_tokens: Option<u32>,
    /// How deeply to think, as far as the model can; `None`: as it decides.
    pub effort: Option<&'a str>,
    /// The context that the model can have, and the one that it is loaded with, in tokens, where its server says.
    pub context: (Option<u64>, Option<u64>),
}

/// The most a model may write in one answer, in tokens, where neither the model nor its provider has said: enough for
/// any answer, and a provider that allows less says how much.
const MOST_TOKENS: u32 = 32_000;

/// The effort that is asked for of a model that takes these: the wanted one, or the next below it that there is. Not to
/// think at all is never what was meant by a little; where it is not known what a model takes, that shows.
pub(super) fn effort<'a>(wanted: Option<&'a str>, takes: Option<&[&'static str]>) -> Option<&'a str> {
    let (wanted, Some(takes)) = (wanted?, takes) else { return wanted };
    if takes.contains(&wanted) {
        return Some(wanted);
    }
    let place = |effort: &str| EFFORTS.iter().position(|known| *known == effort);
    let mut thinks = takes.iter().filter(|effort| **effort != "none");
    let least = thinks.clone().next();
    thinks.rfind(|effort| place(effort) <= place(wanted)).or(least).copied()
}

impl Form<'_> {
    /// What was asked for, within what the model can.
    pub(super) fn max_tokens(&self, asked: Option<u32>) -> u32 {
        let own = self.lessons.max_tokens.or(self.most_tokens);
        let tokens = asked.or(own).unwrap_or(MOST_TOKENS);
        tokens.min(own.unwrap_or(u32::MAX)).max(1)
    }
}

/// How an answer is parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// A JSON object a line.
    Lines,
}

pub(super) trait Reader {
    /// Takes in one event. `true`: the answer is whole.
    fn event(&mut self, event: &Value, draft: &mut Draft<'_>) -> bool;

    /// Takes in an answer that came as one piece of JSON instead of a stream. `false`: it is no answer.
    fn whole(&mut self, answer: &Value, draft: &mut Draft<'_>) -> bool;

    /// Nothing more comes: whatever was held back goes into the draft.
    fn end(&mut self, _draft: &mut Draft<'_>) {}
}

/// A base URL without what people copy along with it.
pub(super) fn bare<'a>(base: &'a str, ends: &[&str]) -> &'a str {
    let mut base = base.trim().trim_end_matches('/');
    for end in ends {
        base = base.strip_suffix(end).unwrap_or(base).trim_end_matches('/');
    }
    base
}
