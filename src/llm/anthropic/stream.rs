//! From the events of a stream to an [`Answer`], telling every step on the way.
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>

use super::event::{Block, Delta as Change, Event, Named, Tokens};
use crate::domain::StopReason;
use crate::domain::limits::ANSWER_BYTES;
use crate::domain::message::{Part, Usage};
use crate::llm::{Answer, Delta};

/// Blocks of one answer: more would be a server gone mad.
const BLOCKS: usize = 1024;

pub(in crate::llm) enum Progress {
    More,
    /// The answer is whole.
    Done,
}

pub(in crate::llm) enum Trouble {
    /// The provider reports an error.
    Said {
        kind: String,
        message: String,
    },
    Nonsense(&'static str),
}

/// Puts an answer together.
pub(in crate::llm) struct Assembler {
    answer: Answer,
    /// The blocks that are being written, by the provider's number: in practice one.
    open: Vec<(u64, Open)>,
    began: bool,
    /// Text, thinking and tool inputs so far, in bytes.
    bytes: usize,
    blocks: usize,
    broken_tool: bool,
}

enum Open {
    /// Text or thinking; where its part stands in the answer, once it has one.
    Written(Option<usize>),
    Tool {
        id: String,
        name: String,
        input: String,
    },
    /// Nothing that we know.
    Other,
}

impl Assembler {
    pub(in crate::llm) fn new(model: &str) -> Self {
        Self { answer: Answer::of(model), open: Vec::new(), began: false, bytes: 0, blocks: 0, broken_tool: false }
    }

    pub(in crate::llm) fn began(&self) -> bool {
        self.began
    }

    pub(in crate::llm) fn so_far(&self) -> &Answer {
        &self.answer
    }

    pub(in crate::llm) fn into_answer(self) -> Answer {
        self.answer
    }

    /// Takes in one event. `Start` is told with the first block rather than with `message_start`, so that a
    /// provider which breaks off in between can still be asked again without anybody having seen anything.
    pub(in crate::llm) fn event(
        &mut self,
        data: &str,
        sink: &mut dyn FnMut(Delta<'_>, &Answer),
    ) -> Result<Progress, Trouble> {
        let event: Event<'_> = match serde_json::from_str(data) {
            Ok(event) => event,
            Err(_) if is_unknown(data) => return Ok(Progress::More),
            Err(_) => return Err(Trouble::Nonsense("an event has not the form we know")),
        };
        match event.kind.as_ref() {
            "message_start" => self.message(&event),
            "content_block_start" => {
                self.begin(sink);
                self.start(event.index, event.content_block.unwrap_or_default(), sink);
            }
            "content_block_delta" => {
                self.begin(sink);
                self.change(event.index, event.delta.unwrap_or_default(), sink);
            }
            "content_block_stop" => self.stop(event.index, sink),
            "message_delta" => self.message_delta(event),
            "message_stop" => return self.finish(sink),
            "error" => {
                let said = event.error.unwrap_or_default();
                return Err(Trouble::Said { kind: said.kind.0.into_owned(), message: said.message.0.into_owned() });
            }
            _ => {}
        }
        if self.bytes > ANSWER_BYTES || self.blocks > BLOCKS {
            self.answer.stop_reason = Some(StopReason::Limit);
            return Ok(Progress::Done);
        }
        Ok(Progress::More)
    }

    fn begin(&mut self, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        if !std::mem::replace(&mut self.began, true) {
            sink(Delta::Start, &self.answer);
        }
    }

    fn message(&mut self, event: &Event<'_>) {
        let Some(message) = &event.message else { return };
        if !message.model.is_empty() {
            self.answer.model = message.model.chars().take(256).collect();
        }
        count(&mut self.answer.usage, message.usage.as_ref());
    }

    fn message_delta(&mut self, event: Event<'_>) {
        count(&mut self.answer.usage, event.usage.as_ref());
        if let Some(reason) = event.delta.map(|delta| delta.stop_reason).filter(|reason| !reason.is_empty()) {
            self.answer.stop_reason = Some(StopReason::from(&*reason));
        }
    }

    fn start(&mut self, index: u64, block: Block<'_>, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        self.blocks += 1;
        let open = match block.kind.as_ref() {
            "text" | "thinking" => Open::Written(None),
            "tool_use" => self.start_tool(&block, sink),
            "redacted_thinking" => {
                self.bytes += block.data.len();
                self.answer.parts.push(Part::RedactedThinking { data: block.data.0.clone().into_owned() });
                Open::Other
            }
            _ => Open::Other,
        };
        self.open.retain(|(number, _)| *number != index);
        self.open.push((index, open));
        match block.kind.as_ref() {
            "text" => self.text(index, &block.text, sink),
            "thinking" => self.thinking(index, &block.thinking, &block.signature, sink),
            _ => {}
        }
    }

    fn start_tool(&mut self, block: &Block<'_>, sink: &mut dyn FnMut(Delta<'_>, &Answer)) -> Open {
        // Normally `{}`, followed by pieces; a server that does not stream its input gives it here.
        let input = block.input.map(|raw| raw.get()).filter(|input| *input != "{}" && input.starts_with('{'));
        self.bytes += input.map_or(0, str::len);
        sink(Delta::ToolUseStart { id: &block.id, name: &block.name }, &self.answer);
        let own = |text: &str| text.to_owned();
        Open::Tool { id: own(&block.id), name: own(&block.name), input: input.map(own).unwrap_or_default() }
    }

    fn change(&mut self, index: u64, change: Change<'_>, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        match change.kind.as_ref() {
            "text_delta" => self.text(index, &change.text, sink),
            "thinking_delta" => self.thinking(index, &change.thinking, "", sink),
            "signature_delta" => self.thinking(index, "", &change.signature, sink),
            "input_json_delta" => {
                let open = self.open.iter_mut().find(|(number, _)| *number == index);
                let Some((_, Open::Tool { id, input, .. })) = open else { return };
                self.bytes += change.partial_json.len();
                input.push_str(&change.partial_json);
                if !change.partial_json.is_empty() {
                    sink(Delta::ToolInput { id, partial: &change.partial_json }, &self.answer);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, index: u64, more: &str, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        if more.is_empty() {
            return;
        }
        self.bytes += more.len();
        if let Some(Part::Text(text)) = self.part(index, || Part::Text(String::new())) {
            text.push_str(more);
            sink(Delta::Text(more), &self.answer);
        }
    }

    fn thinking(&mut self, index: u64, more: &str, signed: &str, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        if more.is_empty() && signed.is_empty() {
            return;
        }
        self.bytes += more.len() + signed.len();
        let fresh = || Part::Thinking { text: String::new(), signature: None };
        if let Some(Part::Thinking { text, signature }) = self.part(index, fresh) {
            text.push_str(more);
            if !signed.is_empty() {
                signature.get_or_insert_default().push_str(signed);
            }
            if !more.is_empty() {
                sink(Delta::Thinking(more), &self.answer);
            }
        }
    }

    /// The part of an open block of text or thinking, made when its first piece comes: no part is ever empty.
    fn part(&mut self, index: u64, fresh: impl FnOnce() -> Part) -> Option<&mut Part> {
        let (_, open) = self.open.iter_mut().find(|(number, _)| *number == index)?;
        let Open::Written(place) = open else { return None };
        let place = *place.get_or_insert_with(|| {
            self.answer.parts.push(fresh());
            self.answer.parts.len() - 1
        });
        self.answer.parts.get_mut(place)
    }

    fn stop(&mut self, index: u64, sink: &mut dyn FnMut(Delta<'_>, &Answer)) {
        let Some(place) = self.open.iter().position(|(number, _)| *number == index) else { return };
        let (_, Open::Tool { id, name, mut input }) = self.open.remove(place) else { return };
        if input.trim().is_empty() {
            "{}".clone_into(&mut input);
        }
        // Cut off by `max_tokens` it is no JSON: then nobody may run the tool.
        if id.is_empty() || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&input).is_err() {
            self.broken_tool = true;
            return;
        }
        self.answer.parts.push(Part::ToolCall { id, name, input });
        if let Some(Part::ToolCall { id, name, input }) = self.answer.parts.last() {
            sink(Delta::ToolUseStop { id, name, input }, &self.answer);
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Delta<'_>, &Answer)) -> Result<Progress, Trouble> {
        self.begin(sink);
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, sink);
        }
        if self.broken_tool && self.answer.stop_reason == Some(StopReason::ToolUse) {
            return Err(Trouble::Nonsense("a tool's input is no JSON object"));
        }
        Ok(Progress::Done)
    }
}

/// Whether it is an event of a kind that did not exist when this was written: those may look like anything.
fn is_unknown(data: &str) -> bool {
    const KNOWN: [&str; 8] = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
        "",
    ];
    serde_json::from_str::<Named<'_>>(data).is_ok_and(|event| !KNOWN.contains(&event.kind.as_ref()))
}

/// The numbers are totals, not differences; one that is missing leaves the earlier one.
fn count(usage: &mut Usage, tokens: Option<&Tokens>) {
    let Some(tokens) = tokens else { return };
    let set = |field: &mut u64, value: Option<u64>| *field = value.unwrap_or(*field);
    set(&mut usage.input, tokens.input_tokens);
    set(&mut usage.cache_creation, tokens.cache_creation_input_tokens);
    set(&mut usage.cache_read, tokens.cache_read_input_tokens);
    set(&mut usage.output, tokens.output_tokens);
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
