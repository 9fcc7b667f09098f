//! From events, or one whole response, to an answer. It is built from the pieces: some servers end with an empty list.

use serde_json::{Map, Value, json};

use super::items::Items;
use crate::domain::StopReason;
use crate::domain::message::Part;
use crate::llm::dialect::Reader;
use crate::llm::draft::Draft;
use crate::llm::json::{count, text};

/// What we understand of a message and of a call; all else goes back to its server.
const KNOWN: [&str; 8] = ["id", "type", "role", "status", "content", "call_id", "name", "arguments"];

pub(super) struct Stream {
    origin: String,
    items: Items,
    has_calls: bool,
    has_refused: bool,
}

impl Stream {
    pub(super) fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), items: Items::default(), has_calls: false, has_refused: false }
    }

    fn begin(&mut self, event: &Value, draft: &mut Draft<'_>) {
        let item = &event["item"];
        let kind = text(item, "type");
        let entry = self.items.of(event, kind);
        draft.begin();
        draft.end_part();
        if kind == "function_call" && !draft.has_call(entry.key) && !text(item, "name").is_empty() {
            draft.call(entry.key, text(item, "call_id"), text(item, "name"));
            self.has_calls = true;
        }
    }

    fn piece(&mut self, event: &Value, kind: &str, draft: &mut Draft<'_>) {
        let entry = self.items.of(event, kind);
        let piece = text(event, "delta");
        entry.is_told |= !piece.is_empty();
        match kind {
            "message" => draft.text(piece),
            "reasoning" => draft.thinking(piece),
            _ => draft.call_input(entry.key, piece),
        }
    }

    /// The whole item; what did not come in pieces comes now.
    fn done(&mut self, event: &Value, draft: &mut Draft<'_>) {
        let item = &event["item"];
        let kind = text(item, "type");
        let entry = self.items.of(event, kind);
        if std::mem::replace(&mut entry.is_done, true) {
            return;
        }
        let (key, is_told) = (entry.key, entry.is_told);
        match kind {
            "message" => self.message(item, is_told, draft),
            "function_call" => self.call(item, key, draft),
            "reasoning" => self.reasoning(item, is_told, draft),
            "" => {}
            _ => self.keep(item.clone(), draft),
        }
    }

    fn message(&mut self, item: &Value, is_told: bool, draft: &mut Draft<'_>) {
        for part in item["content"].as_array().into_iter().flatten() {
            let refusal = text(part, "refusal");
            self.has_refused |= !refusal.is_empty();
            if !is_told {
                draft.text(text(part, "text"));
                draft.text(refusal);
            }
        }
        self.keep_fields(item, draft);
    }

    fn call(&mut self, item: &Value, key: u64, draft: &mut Draft<'_>) {
        let (id, name, arguments) = (text(item, "call_id"), text(item, "name"), &item["arguments"]);
        if !draft.has_call(key) && !name.is_empty() {
            draft.call(key, id, name);
            self.has_calls = true;
        }
        if draft.input_of(key).is_empty() {
            match arguments {
                Value::String(arguments) => draft.call_input(key, arguments),
                Value::Null => {}
                other => draft.call_input(key, &other.to_string()),
            }
        }
        draft.end_call(key);
        self.keep_fields(item, draft);
    }

    fn reasoning(&mut self, item: &Value, is_told: bool, draft: &mut Draft<'_>) {
        if !is_told {
            let texts = ["summary", "content"].into_iter().find(|name| !text(&item[*name][0], "text").is_empty());
            let texts = texts.and_then(|name| item[name].as_array()).into_iter().flatten();
            let texts: Vec<&str> = texts.map(|part| text(part, "text")).collect();
            draft.thinking(&texts.join("\n\n"));
        }
        // Without its secret the server looks for it among what it has stored, which is nothing.
        if !text(item, "encrypted_content").is_empty() {
            self.keep(item.clone(), draft);
        }
    }

    fn keep(&self, item: Value, draft: &mut Draft<'_>) {
        draft.end_part();
        draft.part(Part::Opaque { origin: self.origin.clone(), data: item.to_string() });
    }

    fn keep_fields(&self, item: &Value, draft: &mut Draft<'_>) {
        let fields = item.as_object().into_iter().flatten();
        let fields = fields.filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null());
        let fields: Map<String, Value> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        if fields.is_empty() {
            draft.end_part();
        } else {
            self.keep(json!({"fields": fields, "of": item["type"]}), draft);
        }
    }

    fn end_of(&mut self, response: &Value, draft: &mut Draft<'_>) {
        draft.model(text(response, "model"));
        if self.items.is_empty() {
            for (index, item) in response["output"].as_array().into_iter().flatten().enumerate() {
                self.done(&json!({"item": item, "output_index": index}), draft);
            }
        }
        add_usage(&response["usage"], draft);
        draft.stop_reason(match text(&response["incomplete_details"], "reason") {
            "max_output_tokens" => StopReason::MaxTokens,
            "content_filter" => StopReason::Refusal,
            _ if self.has_calls => StopReason::ToolUse,
            _ if self.has_refused => StopReason::Refusal,
            "" => StopReason::EndTurn,
            other => StopReason::from(other),
        });
    }
}

fn add_usage(usage: &Value, draft: &mut Draft<'_>) {
    let details = &usage["input_tokens_details"];
    let counted = draft.usage();
    if let Some(input) = count(&usage["input_tokens"]) {
        let read = count(&details["cached_tokens"]).unwrap_or(0).min(input);
        let written = count(&details["cache_write_tokens"]).unwrap_or(0).min(input - read);
        (counted.input, counted.cache_read, counted.cache_creation) = (input - read - written, read, written);
    }
    counted.output = count(&usage["output_tokens"]).unwrap_or(counted.output);
}

impl Reader for Stream {
    fn event(&mut self, event: &Value, draft: &mut Draft<'_>) -> bool {
        match text(event, "type") {
            "response.created" | "response.in_progress" => draft.model(text(&event["response"], "model")),
            "response.output_item.added" => self.begin(event, draft),
            "response.output_item.done" => self.done(event, draft),
            "response.output_text.delta" => self.piece(event, "message", draft),
            "response.refusal.delta" => {
                self.has_refused = true;
                self.piece(event, "message", draft);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.piece(event, "reasoning", draft);
            }
            "response.reasoning_summary_part.added" if self.items.of(event, "reasoning").is_told => {
                draft.thinking("\n\n");
            }
            "response.function_call_arguments.delta" => self.piece(event, "function_call", draft),
            "response.completed" | "response.incomplete" => {
                self.end_of(&event["response"], draft);
                return true;
            }
            _ => {}
        }
        false
    }

    fn whole(&mut self, answer: &Value, draft: &mut Draft<'_>) -> bool {
        let is_answer = answer["output"].is_array();
        if is_answer {
            self.end_of(answer, draft);
        }
        is_answer
    }

    fn end(&mut self, draft: &mut Draft<'_>) {
        if draft.answer().stop_reason.is_none() {
            draft.stop_reason(if self.has_calls { StopReason::ToolUse } else { StopReason::EndTurn });
        }
    }
}
