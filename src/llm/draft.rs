//! The answer that is being put together, whatever wire it comes over; every step is reported to the sink.

use std::collections::HashSet;

use super::json::Joiner;
use super::{Answer, Delta};
use crate::domain::id::{hex, random_bytes};
use crate::domain::limits::ANSWER_BYTES;
use crate::domain::message::{Part, Usage};
use crate::domain::{StopReason, halves};

/// Parts of one answer: more would be a server gone mad.
const PARTS: usize = 1024;
/// What is kept of names that the provider gives, in characters.
const MODEL_CHARS: usize = 256;

/// What hears of every step, together with all that has come so far.
pub type Sink<'a> = &'a mut dyn FnMut(Delta<'_>, &Answer);

pub(super) struct Draft<'s> {
    answer: Answer,
    sink: Sink<'s>,
    began: bool,
    /// The last part is still being written.
    is_open: bool,
    joiner: Joiner,
    calls: Vec<Call>,
    /// The ids of calls that the conversation has already.
    taken: HashSet<String>,
    /// Text, thinking, and calls with their ids, names and inputs so far, in bytes.
    bytes: usize,
    parts: usize,
    broken_call: bool,
    /// The time to the first words was taken.
    pub(super) is_timed: bool,
}

/// A call whose input is still coming; `key` is what the wire calls it.
struct Call {
    key: u64,
    id: String,
    name: String,
    input: String,
}

impl<'s> Draft<'s> {
    pub(super) fn new(model: &str, taken: HashSet<String>, sink: Sink<'s>) -> Self {
        Self {
            answer: Answer { model: model.to_owned(), ..Answer::default() },
            sink,
            began: false,
            is_open: false,
            joiner: Joiner::default(),
            calls: Vec::new(),
            taken,
            bytes: 0,
            parts: 0,
            broken_call: false,
            is_timed: false,
        }
    }

    /// Tells that the model writes, once: from here on nothing is asked again.
    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.began, true) {
            (self.sink)(Delta::Start, &self.answer);
        }
    }

    pub(super) fn began(&self) -> bool {
        self.began
    }

    pub(super) fn tell(&mut self, delta: Delta<'_>) {
        (self.sink)(delta, &self.answer);
    }

    pub(super) fn into_answer(self) -> Answer {
        self.answer
    }

    pub(super) fn answer(&self) -> &Answer {
        &self.answer
    }

    pub(super) fn model(&mut self, name: &str) {
        if !name.is_empty() {
            self.answer.model = name.chars().take(MODEL_CHARS).collect();
        }
    }

    pub(super) fn stop_reason(&mut self, reason: StopReason) {
        self.answer.stop_reason = Some(reason);
    }

    /// Counts are totals, not differences; one that is missing leaves the earlier one.
    pub(super) fn usage(&mut self) -> &mut Usage {
        &mut self.answer.usage
    }

    pub(super) fn cost(&mut self, cost: Option<u64>) {
        self.answer.cost = cost.or(self.answer.cost);
    }

    pub(super) fn text(&mut self, piece: &str) {
        let piece = &*self.joiner.join(piece);
        if piece.is_empty() {
            return;
        }
        self.begin();
        self.bytes += piece.len();
        if !(self.is_open && matches!(self.answer.parts.last(), Some(Part::Text(_)))) {
            self.open(Part::Text(String::new()));
        }
        if let Some(Part::Text(text)) = self.answer.parts.last_mut() {
            text.push_str(piece);
        }
        (self.sink)(Delta::Text(piece), &self.answer);
    }

    pub(super) fn thinking(&mut self, piece: &str) {
        let piece = &*self.joiner.join(piece);
        if piece.is_empty() {
            return;
        }
        self.begin();
        self.bytes += piece.len();
        self.open_thinking();
        if let Some(Part::Thinking { text, .. }) = self.answer.parts.last_mut() {
            text.push_str(piece);
        }
        (self.sink)(Delta::Thinking(piece), &self.answer);
    }

    /// Belongs to the thinking before it; thinking without words may have one too.
    pub(super) fn signature(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        self.begin();
        self.bytes += piece.len();
        self.open_thinking();
        if let Some(Part::Thinking { signature, .. }) = self.answer.parts.last_mut() {
            signature.get_or_insert_default().push_str(piece);
        }
    }

    /// A part in one piece.
    pub(super) fn part(&mut self, part: Part) {
        self.begin();
        self.bytes += part.weight();
        self.open(part);
        self.is_open = false;
    }

    /// What comes next belongs to another part.
    pub(super) fn end_part(&mut self) {
        let rest = self.joiner.end();
        match self.answer.parts.last() {
            Some(Part::Thinking { .. }) => self.thinking(rest),
            _ => self.text(rest),
        }
        self.is_open = false;
    }

    fn open_thinking(&mut self) {
        if !(self.is_open && matches!(self.answer.parts.last(), Some(Part::Thinking { .. }))) {
            self.open(Part::Thinking { text: String::new(), signature: None });
        }
    }

    fn open(&mut self, part: Part) {
        self.parts += 1;
        self.answer.parts.push(part);
        self.is_open = true;
    }

    /// The id that the call has for us.
    pub(super) fn call(&mut self, key: u64, id: &str, name: &str) -> String {
        self.begin();
        self.end_part();
        self.parts += 1;
        self.bytes += id.len() + name.len();
        let id = self.unique(id);
        (self.sink)(Delta::ToolUseStart { id: &id, name }, &self.answer);
        self.calls.push(Call { key, id: id.clone(), name: name.to_owned(), input: String::new() });
        id
    }

    pub(super) fn has_call(&self, key: u64) -> bool {
        self.calls.iter().any(|call| call.key == key)
    }

    /// What has come of a call's input.
    pub(super) fn input_of(&self, key: u64) -> &str {
        self.calls.iter().find(|call| call.key == key).map_or("", |call| &call.input)
    }

    pub(super) fn call_input(&mut self, key: u64, piece: &str) {
        let Some(call) = self.calls.iter_mut().rev().find(|call| call.key == key) else { return };
        if !piece.is_empty() {
            self.bytes += piece.len();
            call.input.push_str(piece);
            (self.sink)(Delta::ToolInput { id: &call.id, partial: piece }, &self.answer);
        }
    }

    pub(super) fn end_call(&mut self, key: u64) {
        let Some(place) = self.calls.iter().position(|call| call.key == key) else { return };
        let Call { id, name, input, .. } = self.calls.remove(place);
        let input = if input.trim().is_empty() { "{}".to_owned() } else { input };
        let input = halves::mend(&input, |_| char::REPLACEMENT_CHARACTER).into_owned();
        // Cut off by a limit it is no JSON: then the tool must not run.
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&input).is_err() || name.is_empty() {
            self.broken_call = true;
            return;
        }
        self.answer.parts.push(Part::ToolCall { id, name, input });
        if let Some(Part::ToolCall { id, name, input }) = self.answer.parts.last() {
            (self.sink)(Delta::ToolUseStop { id, name, input }, &self.answer);
        }
    }

    /// Calls without an id, or with one that the conversation has already, get one of their own: results find their
    /// call by it.
    fn unique(&mut self, id: &str) -> String {
        let mut id = id.to_owned();
        if id.is_empty() || self.taken.contains(&id) {
            let prefix = if id.is_empty() { "call" } else { &id };
            id = format!("{prefix}_{}", hex(&random_bytes::<6>()));
        }
        self.taken.insert(id.clone());
        id
    }

    /// Whether it has become longer than we accept.
    pub(super) fn is_too_long(&mut self) -> bool {
        let is_too_long = self.bytes > ANSWER_BYTES || self.parts > PARTS;
        if is_too_long {
            self.stop_reason(StopReason::Limit);
        }
        is_too_long
    }

    /// Whether anything has come that a person can see or use.
    pub(super) fn has_words(&self) -> bool {
        !self.answer.parts.is_empty() || !self.calls.is_empty()
    }

    /// Whether the answer has thinking that its provider has signed.
    pub(super) fn has_signature(&self) -> bool {
        let is_signed = |part: &Part| matches!(part, Part::Thinking { signature: Some(_), .. });
        self.answer.parts.iter().any(is_signed)
    }

    /// Ends everything that is open. `false`: a call came whose input cannot be read, and which therefore is missing.
    pub(super) fn finish(&mut self) -> bool {
        self.begin();
        self.end_part();
        while let Some(call) = self.calls.first() {
            self.end_call(call.key);
        }
        !self.broken_call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_of_calls_count_too() {
        let mut sink = |_: Delta<'_>, _: &Answer| {};
        let mut draft = Draft::new("m", HashSet::new(), &mut sink);
        let (id, name) = ("i".repeat(ANSWER_BYTES / 8), "n".repeat(ANSWER_BYTES / 8));
        let calls = (0..100).take_while(|key| {
            draft.call(*key, &format!("{id}{key}"), &name);
            !draft.is_too_long()
        });
        assert_eq!(calls.count(), 3);
    }
}
