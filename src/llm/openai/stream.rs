//! From chunks, or one whole completion, to an answer. Nothing in a chunk is relied on but the words.

use serde_json::{Map, Value, json};

use super::calls::Calls;
use super::think::{Piece, Thinking};
use crate::domain::message::Part;
use crate::domain::{StopReason, money};
use crate::llm::dialect::Reader;
use crate::llm::draft::Draft;
use crate::llm::json::{count, text};

/// What we understand of an assistant's message; all else is kept for its server.
const KNOWN: [&str; 8] =
    ["role", "content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content", "annotations"];

pub(super) struct Stream {
    origin: String,
    thinking: Thinking,
    calls: Calls,
    /// The name under which thinking came, and wants to go back.
    reasoning: Option<&'static str>,
    extra: Map<String, Value>,
}

impl Stream {
    pub(super) fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            thinking: Thinking::default(),
            calls: Calls::default(),
            reasoning: None,
            extra: Map::new(),
        }
    }

    fn message(&mut self, message: &Value, draft: &mut Draft<'_>) {
        for name in ["reasoning_content", "reasoning"] {
            let piece = text(message, name);
            if !piece.is_empty() && self.reasoning.is_none_or(|known| known == name) {
                self.reasoning = Some(name);
                draft.thinking(piece);
            }
        }
        self.content(&message["content"], draft);
        draft.text(text(message, "refusal"));
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            self.calls.take(call, draft);
        }
        let fields = message.as_object().into_iter().flatten();
        for (name, value) in fields.filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null()) {
            match (self.extra.get_mut(name), value) {
                (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.iter().cloned()),
                _ => {
                    self.extra.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// A text, nothing, or a list of pieces.
    fn content(&mut self, content: &Value, draft: &mut Draft<'_>) {
        match content {
            Value::String(piece) => {
                for piece in self.thinking.take(piece) {
                    put(&piece, draft);
                }
            }
            Value::Array(pieces) => {
                for piece in pieces {
                    match &piece["thinking"] {
                        Value::Array(thoughts) => {
                            thoughts.iter().for_each(|thought| draft.thinking(text(thought, "text")))
                        }
                        thought => draft.thinking(thought.as_str().unwrap_or("")),
                    }
                    self.content(&piece["text"], draft);
                }
            }
            _ => {}
        }
    }

    fn stopped(&self, reason: &Value, draft: &mut Draft<'_>) {
        let word = reason.as_str().unwrap_or("");
        match word {
            "length" | "max_tokens" => draft.stop_reason(StopReason::MaxTokens),
            "content_filter" | "sensitive" => draft.stop_reason(StopReason::Refusal),
            "model_context_window_exceeded" => draft.stop_reason(StopReason::ContextWindow),
            "" => {}
            _ if !self.calls.is_empty() => draft.stop_reason(StopReason::ToolUse),
            "stop" | "eos" => draft.stop_reason(StopReason::EndTurn),
            "tool_calls" | "function_call" => draft.stop_reason(StopReason::ToolUse), // that never came
            other => draft.stop_reason(StopReason::from(other)),
        }
    }
}

fn put(piece: &Piece, draft: &mut Draft<'_>) {
    match piece {
        Piece::Thinking(text) => draft.thinking(text),
        Piece::Text(text) => draft.text(text),
    }
}

fn add_usage(usage: &Value, draft: &mut Draft<'_>) {
    let counted = draft.usage();
    let cached = &usage["prompt_tokens_details"]["cached_tokens"];
    if let Some(input) = count(&usage["prompt_tokens"]) {
        let cached = count(cached).or_else(|| count(&usage["prompt_cache_hit_tokens"])).unwrap_or(0).min(input);
        (counted.input, counted.cache_read) = (input - cached, cached);
    }
    counted.output = count(&usage["completion_tokens"]).unwrap_or(counted.output);
    draft.cost(usage["cost"].as_number().and_then(|dollars| money::named(&dollars.to_string())));
}

impl Reader for Stream {
    fn event(&mut self, event: &Value, draft: &mut Draft<'_>) -> bool {
        draft.model(text(event, "model"));
        if let Some(choice) = event["choices"].get(0) {
            let message = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
            self.message(message, draft);
            self.stopped(&choice["finish_reason"], draft);
        }
        let usage = if event["usage"].is_object() { &event["usage"] } else { &event["x_groq"]["usage"] };
        add_usage(usage, draft);
        false // the numbers may follow
    }

    fn whole(&mut self, answer: &Value, draft: &mut Draft<'_>) -> bool {
        let is_answer = answer["choices"].get(0).is_some_and(|choice| choice["message"].is_object());
        if is_answer {
            self.event(answer, draft);
        }
        is_answer
    }

    fn end(&mut self, draft: &mut Draft<'_>) {
        put(&self.thinking.end(), draft);
        if draft.answer().stop_reason.is_none() {
            draft.stop_reason(if self.calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse });
        }
        let calls = self.calls.extra();
        if self.reasoning.is_some() || !self.extra.is_empty() || !calls.is_empty() {
            let message = std::mem::take(&mut self.extra);
            let data = json!({"reasoning": self.reasoning, "message": message, "calls": calls}).to_string();
            draft.end_part();
            draft.part(Part::Opaque { origin: self.origin.clone(), data });
        }
    }
}
