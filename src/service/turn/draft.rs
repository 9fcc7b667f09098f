//! The message that a model is writing: every step of its answer becomes part of the message, and events.

use std::time::Instant;

use crate::domain::clock;
use crate::domain::event::{EventKind, HtmlPatch};
use crate::domain::id::MessageId;
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};
use crate::llm::{Answer, Delta};
use crate::render;
use crate::store::TurnRow;

#[derive(Default)]
pub(super) struct Draft {
    /// Stays here when it is whole, for clients that reconnect while it is stored.
    pub message: Option<Message>,
    /// Renders the text part that is being written.
    html: render::Live,
}

impl Draft {
    pub(super) fn begin(&mut self, turn: &TurnRow, answer: &Answer) {
        self.html = render::Live::new();
        self.message = Some(Message {
            model: Some(answer.model.clone()),
            status: MessageStatus::Streaming,
            ..message(turn, MessageRole::Assistant, Vec::new())
        });
    }

    /// Adds a step to the message; returns the events that it makes.
    pub(super) fn add(&mut self, delta: Delta<'_>, answer: &Answer) -> Vec<EventKind> {
        let mut events = Vec::new();
        if !matches!(delta, Delta::Text(_) | Delta::Waiting { .. } | Delta::RequestEnd { .. }) {
            events.extend(self.end_text());
        }
        let id = self.message.as_ref().map_or_else(|| MessageId::from(String::new()), |message| message.id.clone());
        events.push(match delta {
            Delta::Start => EventKind::MessageStart { message_id: id, model: answer.model.clone() },
            Delta::Text(text) => {
                let html = self.add_text(text);
                EventKind::TextDelta { message_id: id, text: text.to_owned(), html }
            }
            Delta::Thinking(text) => {
                self.add_thinking(text);
                EventKind::ThinkingDelta { message_id: id, text: text.to_owned() }
            }
            Delta::ToolUseStart { id, name } => {
                EventKind::ToolUseStart { tool_call_id: id.to_owned(), tool_name: name.to_owned() }
            }
            Delta::ToolInput { id, partial } => {
                EventKind::InputJsonDelta { tool_call_id: id.to_owned(), partial_json: partial.to_owned() }
            }
            Delta::ToolUseStop { id, name, input } => {
                let (id, name, input) = (id.to_owned(), name.to_owned(), input.to_owned());
                if let Some(message) = &mut self.message {
                    message.parts.push(Part::ToolCall { id: id.clone(), name: name.clone(), input: input.clone() });
                }
                EventKind::ToolUseStop { tool_call_id: id, tool_name: name, input }
            }
            Delta::Waiting { attempt, delay, reason } => EventKind::UpstreamRetry {
                attempt,
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                reason: reason.to_owned(),
            },
            Delta::RequestEnd { .. } => return events,
        });
        if let Some(message) = &mut self.message {
            message.usage = Some(answer.usage);
        }
        events
    }

    /// The rest of the rendered text, which was held back to spare events; the text part is over.
    pub(super) fn end_text(&mut self) -> Vec<EventKind> {
        let patches = std::mem::take(&mut self.html).finish();
        patches.into_iter().filter_map(|patch| self.patched(patch)).collect()
    }

    /// The rendering of text that has come, where it is due.
    pub(super) fn due_text(&mut self) -> Option<EventKind> {
        let patch = self.html.patch(Instant::now())?;
        self.patched(patch)
    }

    fn patched(&self, patch: HtmlPatch) -> Option<EventKind> {
        let message_id = self.message.as_ref()?.id.clone();
        Some(EventKind::TextDelta { message_id, text: String::new(), html: Some(patch) })
    }

    /// Ends the message: as `whole` has it, or as far as it has come. Nothing is left of one that was interrupted
    /// before it had any content.
    pub(super) fn end(&mut self, whole: Option<Answer>, status: MessageStatus) -> Option<Message> {
        let mut message = self.message.take()?;
        if let Some(whole) = whole {
            message.usage = Some(whole.usage);
            message.model = Some(whole.model).filter(|model| !model.is_empty()).or(message.model);
            message.stop_reason = whole.stop_reason;
            message.parts = whole.parts;
        }
        message.status = status;
        let is_empty = message.parts.is_empty();
        self.message = (!is_empty).then(|| message.clone());
        (!is_empty || status == MessageStatus::Complete).then_some(message)
    }

    fn add_text(&mut self, text: &str) -> Option<HtmlPatch> {
        let message = self.message.as_mut()?;
        match message.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => message.parts.push(Part::Text(text.to_owned())),
        }
        self.html.push(text);
        self.html.patch(Instant::now())
    }

    fn add_thinking(&mut self, text: &str) {
        let Some(message) = &mut self.message else { return };
        match message.parts.last_mut() {
            Some(Part::Thinking { text: last, .. }) => last.push_str(text),
            _ => message.parts.push(Part::Thinking { text: text.to_owned(), signature: None }),
        }
    }
}

/// A message of a turn that no model wrote: a tool's result, or an error.
pub(super) fn note(turn: &TurnRow, role: MessageRole, part: Part) -> Message {
    message(turn, role, vec![part])
}

pub(super) fn message(turn: &TurnRow, role: MessageRole, parts: Vec<Part>) -> Message {
    Message {
        id: MessageId::random(),
        session_id: turn.session_id.clone(),
        turn_id: Some(turn.id.clone()),
        role,
        parts,
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: clock::now_ms(),
    }
}
