//! From the events of a stream to an answer.
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>

use serde_json::Value;

use crate::domain::StopReason;
use crate::domain::message::{Part, Usage};
use crate::llm::dialect::Reader;
use crate::llm::draft::Draft;
use crate::llm::json::{count, text};

const EMPTY_TEXT: &str = r#"{"type":"text","text":""}"#;

pub(super) struct Stream {
    origin: String,
    /// Blocks that are being written and that we do not know: what the server does itself, say.
    unknown: Vec<(u64, Value, String)>,
    /// The block that is being written is a text, and nothing of it has come.
    is_empty_text: bool,
}

impl Stream {
    pub(super) fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), unknown: Vec::new(), is_empty_text: false }
    }

    fn start(&mut self, index: u64, block: &Value, draft: &mut Draft<'_>) {
        draft.begin();
        draft.end_part();
        self.is_empty_text = text(block, "type") == "text" && text(block, "text").is_empty();
        match text(block, "type") {
            "text" => draft.text(text(block, "text")),
            "thinking" => {
                draft.thinking(text(block, "thinking"));
                draft.signature(text(block, "signature"));
            }
            "redacted_thinking" => draft.part(Part::RedactedThinking { data: text(block, "data").to_owned() }),
            "tool_use" => {
                draft.call(index, text(block, "id"), text(block, "name"));
                // Normally `{}`, followed by pieces; a server that does not stream its input gives it here.
                if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                    draft.call_input(index, &block["input"].to_string());
                }
            }
            "" => {}
            _ => self.unknown.push((index, block.clone(), String::new())),
        }
    }

    /// Deltas of a block that was never started are words all the same.
    fn change(&mut self, index: u64, delta: &Value, draft: &mut Draft<'_>) {
        draft.begin();
        self.is_empty_text &= text(delta, "text").is_empty();
        draft.text(text(delta, "text"));
        draft.thinking(text(delta, "thinking"));
        draft.signature(text(delta, "signature"));
        let input = text(delta, "partial_json");
        match self.unknown.iter_mut().find(|(number, ..)| *number == index) {
            Some((_, _, own)) => own.push_str(input),
            None => draft.call_input(index, input),
        }
    }

    fn stop(&mut self, index: u64, draft: &mut Draft<'_>) {
        if let Some(place) = self.unknown.iter().position(|(number, ..)| *number == index) {
            let (_, mut block, input) = self.unknown.remove(place);
            if let Ok(input) = serde_json::from_str::<Value>(&input) {
                block["input"] = input;
            }
            draft.part(Part::Opaque { origin: self.origin.clone(), data: block.to_string() });
        } else if draft.has_call(index) {
            draft.end_call(index);
        } else {
            draft.end_part();
        }
        // Signed thinking is only good among exactly the blocks that it came with.
        if std::mem::take(&mut self.is_empty_text) && draft.has_signature() {
            draft.part(Part::Opaque { origin: self.origin.clone(), data: EMPTY_TEXT.to_owned() });
        }
    }
}

impl Reader for Stream {
    /// `Start` is told with the first block rather than with `message_start`, so that a provider which breaks off in
    /// between can still be asked again before anything was seen.
    fn event(&mut self, event: &Value, draft: &mut Draft<'_>) -> bool {
        let index = count(&event["index"]).unwrap_or(0);
        match text(event, "type") {
            "message_start" => {
                draft.model(text(&event["message"], "model"));
                add_usage(draft.usage(), &event["message"]["usage"]);
            }
            "content_block_start" => self.start(index, &event["content_block"], draft),
            "content_block_delta" => self.change(index, &event["delta"], draft),
            "content_block_stop" => self.stop(index, draft),
            "message_delta" => {
                add_usage(draft.usage(), &event["usage"]);
                stopped(text(&event["delta"], "stop_reason"), draft);
            }
            "message_stop" => return true,
            _ => {}
        }
        false
    }

    fn whole(&mut self, answer: &Value, draft: &mut Draft<'_>) -> bool {
        let Some(blocks) = answer["content"].as_array() else { return false };
        draft.model(text(answer, "model"));
        for (index, block) in (0..).zip(blocks) {
            self.start(index, block, draft);
            self.stop(index, draft);
        }
        add_usage(draft.usage(), &answer["usage"]);
        stopped(text(answer, "stop_reason"), draft);
        true
    }
}

fn stopped(reason: &str, draft: &mut Draft<'_>) {
    if !reason.is_empty() {
        draft.stop_reason(StopReason::from(reason));
    }
}

/// The numbers are totals, not differences; one that is missing leaves the earlier one.
fn add_usage(usage: &mut Usage, tokens: &Value) {
    let set = |field: &mut u64, name: &str| *field = count(&tokens[name]).unwrap_or(*field);
    set(&mut usage.input, "input_tokens");
    set(&mut usage.cache_creation, "cache_creation_input_tokens");
    set(&mut usage.cache_read, "cache_read_input_tokens");
    set(&mut usage.output, "output_tokens");
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
