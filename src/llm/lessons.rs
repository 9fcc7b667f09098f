//! Learning from refusals: a 400 that names a parameter changes that parameter, the question is asked once more, and
//! what helped is remembered for that provider and model.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::Said;
use crate::domain::conversation::EFFORTS;
use crate::domain::message::{Message, Part};

/// Models that lessons are kept for, and signatures that were refused: more would be abuse.
const MODELS: usize = 256;
const SIGNATURES: usize = 4096;
const MAX_TOKENS: &str = "max-tokens=";
const ONLY_EFFORTS: &str = "efforts=";
/// No answer is shorter than that on purpose, in tokens: smaller numbers in a refusal mean something else.
const LEAST_TOKENS: u32 = 256;

/// What one model of one provider does not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lessons {
    quirks: BTreeSet<Quirk>,
    /// The most it writes, in tokens.
    pub max_tokens: Option<u32>,
    /// How deeply it can be asked to think, from the least to the most, where a refusal has named that.
    pub efforts: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quirk {
    NoCacheControl,
    NoStreamOptions,
    /// `max_completion_tokens` instead of `max_tokens`.
    CompletionTokens,
    NoThinking,
    /// Thinking, but without a summary for people.
    NoSummary,
    NoEffort,
    /// The model is asked over another wire: OpenAI's Responses instead of chat completions.
    OtherWire,
    NoToolChoice,
    NoTools,
    /// Schemas without `$schema`, `$id`, `strict` and `additionalProperties`.
    PlainSchemas,
    /// Content is a text, never a list.
    PlainContent,
    /// A PDF is named instead of sent.
    NoFiles,
    /// An assistant's message has content, if only an empty one.
    EmptyContent,
    /// No instructions in the middle of a conversation.
    NoLateSystem,
    /// No blank texts, whatever they stand beside.
    NoBlankText,
    /// Ids of calls have nine letters and digits.
    ShortIds,
}

impl Quirk {
    const ALL: [Self; 16] = [
        Self::NoCacheControl,
        Self::NoStreamOptions,
        Self::CompletionTokens,
        Self::NoThinking,
        Self::NoSummary,
        Self::NoEffort,
        Self::OtherWire,
        Self::NoFiles,
        Self::NoToolChoice,
        Self::NoTools,
        Self::PlainSchemas,
        Self::PlainContent,
        Self::EmptyContent,
        Self::NoLateSystem,
        Self::NoBlankText,
        Self::ShortIds,
    ];

    /// As it is kept, and shown to administrators.
    fn name(self) -> &'static str {
        match self {
            Self::NoCacheControl => "no-cache-control",
            Self::NoStreamOptions => "no-stream-options",
            Self::CompletionTokens => "max-completion-tokens",
            Self::NoThinking => "no-thinking",
            Self::NoSummary => "no-summary",
            Self::NoEffort => "no-effort",
            Self::OtherWire => "responses-wire",
            Self::NoFiles => "no-files",
            Self::NoToolChoice => "no-tool-choice",
            Self::NoTools => "no-tools",
            Self::PlainSchemas => "plain-schemas",
            Self::PlainContent => "plain-content",
            Self::EmptyContent => "empty-content",
            Self::NoLateSystem => "no-late-system",
            Self::NoBlankText => "no-blank-text",
            Self::ShortIds => "short-ids",
        }
    }
}

/// Words of a refusal, all of which are in it, and what they may teach; the first that changes the request counts.
const SIGNS: &[(&[&str], Quirk)] = &[
    (&["v1/responses"], Quirk::OtherWire),
    (&["stream_options"], Quirk::NoStreamOptions),
    (&["max_tokens", "max_completion_tokens"], Quirk::CompletionTokens),
    (&["cache_control"], Quirk::NoCacheControl),
    (&["tool_choice"], Quirk::NoToolChoice),
    (&["not support tools"], Quirk::NoTools),
    (&["support tool use"], Quirk::NoTools),
    (&["enable-auto-tool-choice"], Quirk::NoTools),
    (&["effort"], Quirk::NoEffort),
    (&["think value"], Quirk::NoEffort),
    (&["text", "non-empty"], Quirk::NoBlankText),
    (&["text", "non-whitespace"], Quirk::NoBlankText),
    (&["role", "system"], Quirk::NoLateSystem),
    (&["system message must"], Quirk::NoLateSystem),
    (&["verified", "summar"], Quirk::NoSummary),
    (&["encrypted content is not supported"], Quirk::NoThinking),
    (&["reasoning.encrypted_content"], Quirk::NoThinking),
    (&["reasoning", "unsupported"], Quirk::NoThinking),
    (&["reasoning", "not permitted"], Quirk::NoThinking),
    (&["not support thinking"], Quirk::NoThinking),
    (&["thinking", "type"], Quirk::NoThinking),
    (&["$schema"], Quirk::PlainSchemas),
    (&["$id"], Quirk::PlainSchemas),
    (&["additionalproperties"], Quirk::PlainSchemas),
    (&["strict"], Quirk::PlainSchemas),
    (&["length of 9"], Quirk::ShortIds),
    (&["variant", "file"], Quirk::NoFiles),
    (&["content", "string"], Quirk::PlainContent),
    (&["image"], Quirk::PlainContent),
    (&["multimodal"], Quirk::PlainContent),
    (&["content", "string"], Quirk::EmptyContent),
    (&["content", "null"], Quirk::EmptyContent),
    (&["content", "missing"], Quirk::EmptyContent),
    (&["content", "required"], Quirk::EmptyContent),
    (&["file"], Quirk::NoFiles),
    (&["document"], Quirk::NoFiles),
    (&["pdf"], Quirk::NoFiles),
];

impl Lessons {
    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// Words with blanks between them, such as `no-stream-options max-tokens=8192`.
    pub(super) fn to_text(&self) -> String {
        let quirks = self.quirks.iter().map(|quirk| quirk.name().to_owned());
        let most = self.max_tokens.map(|most| format!("{MAX_TOKENS}{most}"));
        let efforts = self.efforts.as_ref().map(|efforts| format!("{ONLY_EFFORTS}{}", efforts.join(",")));
        quirks.chain(most).chain(efforts).collect::<Vec<_>>().join(" ")
    }

    /// Words that this program does not know mean nothing.
    pub(super) fn from_text(text: &str) -> Self {
        let named = |word: &str| Quirk::ALL.into_iter().find(|quirk| quirk.name() == word);
        let value = |name: &'static str| text.split(' ').find_map(move |word| word.strip_prefix(name));
        Self {
            quirks: text.split(' ').filter_map(named).collect(),
            max_tokens: value(MAX_TOKENS).and_then(|most| most.parse().ok()),
            efforts: value(ONLY_EFFORTS).map(efforts_in),
        }
    }

    /// What a refusal may teach beyond this, the likeliest first.
    fn with(&self, said: &Said, sent_tokens: u32) -> Vec<Self> {
        let words = said.words.to_ascii_lowercase();
        let mut more = Vec::new();
        if ["max_tokens", "max_output_tokens", "max_completion_tokens"].iter().any(|name| words.contains(name)) {
            let limit = limit_in(&words, sent_tokens).or(self.max_tokens);
            more.push(Self { max_tokens: limit, ..self.clone() });
        }
        if words.contains("max_completion_tokens") {
            more.push(self.without(Quirk::CompletionTokens));
        }
        if let Some(efforts) = words.contains("effort").then(|| efforts_named(&words)).flatten() {
            more.push(Self { efforts: Some(efforts), ..self.clone() });
        }
        let signs = SIGNS.iter().filter(|(signs, _)| signs.iter().all(|sign| words.contains(sign)));
        more.extend(signs.map(|(_, quirk)| {
            let mut more = self.clone();
            more.quirks.insert(*quirk);
            more
        }));
        more.retain(|more| more != self);
        more
    }

    fn without(&self, quirk: Quirk) -> Self {
        let mut less = self.clone();
        less.quirks.remove(&quirk);
        less
    }
}

/// How refusals begin to name what would be taken.
const INSTEAD: [&str; 5] = ["supported values", "should be", "one of", "valid values", "expected"];

/// The efforts that a refusal names as those that are taken.
fn efforts_named(words: &str) -> Option<Vec<&'static str>> {
    let at = INSTEAD.iter().filter_map(|sign| words.find(sign)).min()?;
    Some(efforts_in(&words[at..])).filter(|efforts| !efforts.is_empty())
}

/// The names of efforts in a text, from the least to the most.
fn efforts_in(text: &str) -> Vec<&'static str> {
    let words: HashSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    EFFORTS.into_iter().filter(|effort| words.contains(effort)).collect()
}

/// The limit that a refusal names: the smallest number that can be one. `190000 + 32000 > 200000` leaves 10000.
fn limit_in(words: &str, sent: u32) -> Option<u32> {
    let numbers: Vec<u32> = words.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    if let (true, Some(at)) = (words.contains(" + "), numbers.iter().position(|number| *number == sent)) {
        let (input, window) = (numbers.get(at.checked_sub(1)?)?, numbers.get(at + 1)?);
        return window.checked_sub(*input).filter(|left| *left >= LEAST_TOKENS);
    }
    numbers.into_iter().filter(|number| *number < sent && *number >= LEAST_TOKENS).min()
}

/// What a provider has taught us, for all its models.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    models: HashMap<String, Lessons>,
    /// Signatures of thinking that were refused, hashed.
    refused: HashSet<u64>,
}

/// What one question is asked with.
#[derive(Debug, Clone, Default)]
pub(super) struct Learned {
    pub lessons: Lessons,
    pub forget_thinking: usize,
    /// What was learned is about this question only.
    once: bool,
}

impl Memory {
    pub(super) fn of(&self, model: &str, messages: &[Message]) -> Learned {
        let known = self.lock();
        let is_refused = |message: &Message| signatures(message).any(|hash| known.refused.contains(&hash));
        Learned {
            lessons: known.models.get(model).cloned().unwrap_or_default(),
            forget_thinking: messages.iter().rposition(is_refused).map_or(0, |last| last + 1),
            once: false,
        }
    }

    /// What was learned before this program was started.
    pub(super) fn recall(&self, kept: &[(String, String)]) {
        let lessons = kept.iter().take(MODELS).map(|(model, text)| (model.clone(), Lessons::from_text(text)));
        self.lock().models.extend(lessons);
    }

    /// By model, as text.
    pub(super) fn to_texts(&self) -> Vec<(String, String)> {
        let mut texts: Vec<_> =
            self.lock().models.iter().map(|(model, lessons)| (model.clone(), lessons.to_text())).collect();
        texts.sort();
        texts
    }

    /// Remembers what helped. True where it is about the model, and not about this question only.
    pub(super) fn keep(&self, model: &str, learned: &Learned, messages: &[Message]) -> bool {
        let mut known = self.lock();
        let is_new = !learned.once && known.models.get(model).cloned().unwrap_or_default() != learned.lessons;
        let is_kept = is_new && (known.models.len() < MODELS || known.models.contains_key(model));
        if is_kept {
            known.models.insert(model.to_owned(), learned.lessons.clone());
        }
        if known.refused.len() > SIGNATURES {
            known.refused.clear();
        }
        known.refused.extend(messages.iter().take(learned.forget_thinking).flat_map(signatures));
        is_kept
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learned {
    /// What may help after a refusal, the likeliest first; empty: nothing that we know.
    pub(super) fn after(&self, said: &Said, sent_tokens: u32, messages: &[Message]) -> Vec<Self> {
        let words = said.words.to_ascii_lowercase();
        // A router that has no server left for such a request answers that it was not found.
        let is_about_the_wire = words.contains("v1/responses") || words.contains("no endpoints found");
        let is_about_us = matches!(said.status, 400 | 422) || said.status == 404 && is_about_the_wire;
        if !is_about_us {
            return Vec::new();
        }
        let is_about_thinking = words.contains("signature")
            || words.contains("encrypted content") && !words.contains("not supported")
            || words.contains("bound to a different conversation")
            || words.contains("thinking") && words.contains("block");
        if is_about_thinking {
            let rest = messages.get(self.forget_thinking..).unwrap_or_default();
            let has_some = rest.iter().any(|message| signatures(message).next().is_some());
            return has_some.then(|| Self { forget_thinking: messages.len(), ..self.clone() }).into_iter().collect();
        }
        let once = words.contains(" + ");
        let lessons = self.lessons.with(said, sent_tokens).into_iter();
        lessons.map(|lessons| Self { lessons, once, ..self.clone() }).collect()
    }
}

fn signatures(message: &Message) -> impl Iterator<Item = u64> {
    message.parts.iter().filter_map(|part| {
        let (Part::Thinking { signature: Some(opaque), .. }
        | Part::RedactedThinking { data: opaque }
        | Part::Opaque { data: opaque, .. }) = part
        else {
            return None;
        };
        let mut hasher = DefaultHasher::new();
        opaque.hash(&mut hasher);
        Some(hasher.finish())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_teaches_one_thing() {
        let check = |words: &str, expected: Option<(Option<Quirk>, Option<u32>)>| {
            let said = Said { status: 400, words: words.to_owned(), ..Said::default() };
            let learned = Learned::default().after(&said, 32_000, &[]).into_iter().next();
            let seen = learned.map(|learned| (learned.lessons.quirks.first().copied(), learned.lessons.max_tokens));
            assert_eq!(seen, expected, "{words}");
        };
        check("Unrecognized request argument supplied: stream_options", Some((Some(Quirk::NoStreamOptions), None)));
        check(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            Some((Some(Quirk::CompletionTokens), None)),
        );
        check("max_tokens: 32000 > 8192, which is the maximum", Some((None, Some(8192))));
        check("Range of max_tokens should be [1, 8192]", Some((None, Some(8192))));
        check(
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease",
            Some((None, Some(10_000))),
        );
        check("messages: nope", None);
        check("registry.ollama.ai/library/x does not support tools", Some((Some(Quirk::NoTools), None)));
    }

    #[test]
    fn a_refusal_names_the_efforts_that_are_taken() {
        let check = |words: &str, expected: &str| {
            let said = Said { status: 400, words: words.to_owned(), ..Said::default() };
            assert_eq!(Learned::default().after(&said, 0, &[]).remove(0).lessons.to_text(), expected, "{words}");
        };
        check(
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: \
             'medium', 'low', and 'high'.",
            "efforts=low,medium,high",
        );
        check("body.reasoning_effort: Input should be 'none' or 'high'", "efforts=none,high");
        check("`reasoning_effort` must be one of `none` or `default`", "efforts=none");
        check("Unsupported parameter: 'reasoning_effort' is not supported with this model.", "no-effort");
        check("reasoning_effort: expected a model that thinks", "no-effort");
        check("think value \"low\" is not supported for this model", "no-effort");
    }

    #[test]
    fn lessons_are_kept_as_words() {
        let lessons = Lessons {
            quirks: Quirk::ALL.into_iter().collect(),
            max_tokens: Some(8192),
            efforts: Some(vec!["low", "high"]),
        };
        assert_eq!(lessons.quirks.len(), Quirk::ALL.len());
        assert_eq!(Lessons::from_text(&lessons.to_text()), lessons);
        assert_eq!(Lessons::from_text("of-a-newer-program max-tokens=x"), Lessons::default());
    }

    #[test]
    fn the_same_refusal_teaches_nothing_again() {
        let said = Said { status: 400, words: "stream_options is unknown".to_owned(), ..Said::default() };
        let learned = Learned::default().after(&said, 0, &[]).remove(0);
        assert!(learned.after(&said, 0, &[]).is_empty());
        let busy = Said { status: 529, ..said };
        assert!(Learned::default().after(&busy, 0, &[]).is_empty());
    }
}
