//! How a turn ends: what it has is stored with its end in one transaction, then announced, exactly once.

use std::sync::Arc;

use super::Turns;
use super::active::{Active, Claim, Last};
use super::draft::note;
use super::unstored::{self, End};
use crate::domain::event::{EndReason, EventKind};
use crate::domain::message::{Message, MessageRole, Part, Usage};
use crate::domain::tool::Extras;
use crate::domain::{Error, Kind, Result, StopReason};
use crate::store::Position;
use crate::telemetry::metrics::catalog;

/// How the work of a turn came to its end.
pub(super) struct Ending {
    pub reason: EndReason,
    /// What the message that was being written became; `None`: as far as it has come.
    pub last: Option<Last>,
    /// Stored and shown as the turn's last message.
    pub error: Option<Error>,
}

impl Ending {
    pub(super) fn interrupted() -> Self {
        Self { reason: EndReason::Interrupted, last: None, error: None }
    }

    pub(super) fn failed(error: Error) -> Self {
        Self { reason: EndReason::Error, last: None, error: Some(error) }
    }
}

impl Turns {
    /// Ends a turn, unless that has been done already, and starts what waited for it.
    pub(super) fn finish(self: &Arc<Self>, active: &Arc<Active>, ending: Ending) {
        self.end(active, ending);
        self.dispatch();
    }

    /// Ends a turn whose thread does not come back in time; when it does, it finds that the turn is over.
    pub(super) fn force_finish(self: &Arc<Self>, active: &Arc<Active>) {
        self.finish(active, Ending::interrupted());
    }

    pub(super) fn end(&self, active: &Arc<Active>, ending: Ending) {
        let Ending { reason, last, error } = ending;
        let Some(claim) = active.claim_end(&self.hub, last) else { return };
        if let Some(error) = error.as_ref().filter(|_| reason == EndReason::Error) {
            log_failure(active, error);
        }
        self.store_end(active, claim, reason, error.as_ref());
        if self.queue().ended(active) {
            self.hub.done(&active.turn.session_id);
        }
        self.changed.notify_all();
    }

    fn store_end(&self, active: &Active, claim: Claim, mut reason: EndReason, error: Option<&Error>) {
        let Claim { unsaved: mut messages, usage, next_place } = claim;
        let mut events: Vec<EventKind> = messages.iter().flat_map(|(message, _)| announcing(message)).collect();
        if let Some(error) = error {
            messages.push((note(&active.turn, MessageRole::Error, part_of(error)), next_place));
            events.push(occurred(error));
        }
        let to_come = u64::try_from(events.len() + 1).unwrap_or(u64::MAX);
        // While a question is taken back, numbers are used that are not known here: none is given back then.
        let latest_seq = (!self.queue().is_held(&active.conversation.id))
            .then(|| self.hub.latest(&active.turn.session_id).unwrap_or(0).saturating_add(to_come));
        let mut end = End { turn: active.turn.clone(), reason, usage, messages, latest_seq };
        let failure = end.store(&self.store).err().filter(|failure| failure.kind != Kind::NotFound);
        if let Some(failure) = &failure {
            reason = EndReason::Error;
            if error.is_none() {
                events.push(occurred(&not_stored_yet(failure)));
            }
        }
        count(reason, &usage);
        events.push(EventKind::ConversationEnd { reason, usage });
        let last_seq = active.announce_end(&self.hub, events);
        if let Some(failure) = failure {
            end.latest_seq = Some(last_seq); // one event more may have gone out than was reckoned with
            self.keep_unstored(end, &failure);
        }
        log::info!(target: "turn", "ended turn={} reason={} output_tokens={}", active.turn.id,
            // "error" would make every failed turn a second hit for `grep -i error`.
            if reason == EndReason::Error { "failed" } else { reason.as_str() }, usage.output);
    }
}

/// The events that announce a whole message.
pub(super) fn announcing(message: &Message) -> Vec<EventKind> {
    if message.role == MessageRole::Assistant {
        let stop_reason = message.stop_reason.clone().unwrap_or_else(|| StopReason::from(message.status.as_str()));
        let usage = message.usage.unwrap_or_default();
        let stored = EventKind::AssistantMessage(Box::new(message.clone()));
        return vec![EventKind::MessageStop { stop_reason, usage }, stored];
    }
    let event = |part: &Part| match part {
        Part::ToolResult { id, output, is_error, .. } => Some(EventKind::ToolResult {
            tool_call_id: id.clone(),
            result: output.clone(),
            is_error: *is_error,
            extras: Extras::of(&message.parts),
        }),
        Part::ContextTrimmed { from } => Some(EventKind::ContextTrimmed { from: from.clone() }),
        _ => None,
    };
    message.parts.iter().filter_map(event).collect()
}

fn not_stored_yet(failure: &Error) -> Error {
    let message = format!("The answer could not be stored yet: {}", failure.message);
    Error { hint: failure.hint.clone(), ..Error::new(failure.kind, failure.code, message) }
}

fn occurred(error: &Error) -> EventKind {
    EventKind::ErrorOccurred {
        code: error.code.to_string(),
        message: error.message.to_string(),
        hint: error.hint.as_ref().map(ToString::to_string),
        next_model: error.next_model().map(str::to_owned),
        recoverable: error.kind != Kind::Internal,
    }
}

fn part_of(error: &Error) -> Part {
    Part::Error {
        code: error.code.to_string(),
        message: error.message.to_string(),
        hint: error.hint.as_ref().map(ToString::to_string),
        next_model: error.next_model().map(str::to_owned),
    }
}

fn count(reason: EndReason, usage: &Usage) {
    catalog::TURNS_ENDED.inc(reason.as_str());
    catalog::TOKENS.add("input", usage.input);
    catalog::TOKENS.add("output", usage.output);
    catalog::TOKENS.add("cache_read", usage.cache_read);
    catalog::TOKENS.add("cache_write", usage.cache_creation);
}

fn log_failure(active: &Active, error: &Error) {
    let turn = &active.turn.id;
    match error.kind {
        Kind::Internal => log::error!(target: "turn", "turn={turn} failed: {}", error.with_cause()),
        Kind::NotFound => log::info!(target: "turn", "turn={turn} was dropped: its conversation is gone"),
        _ => log::warn!(target: "turn", "turn={turn} failed: {} ({})", error.with_cause(), error.code),
    }
}

/// Stores a whole message and announces it. What cannot be stored now is stored with the end of the turn.
pub(super) fn save(turns: &Turns, active: &Active, message: &Message, place: Position) -> Result<()> {
    let saved = turns.store.save_message(message.clone(), place);
    if !saved.as_ref().is_err_and(unstored::is_transient) {
        active.saved(&turns.hub, &message.id, announcing(message));
    }
    saved
}
