//! The loop of one turn: ask the model, run the tools it calls, ask again, until it has answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::active::Active;
use super::unstored::{self, End};
use super::{Turns, history, tools};
use crate::domain::event::{EndReason, EventKind};
use crate::domain::id::MessageId;
use crate::domain::message::{Message, MessageRole, MessageStatus, Part, Usage};
use crate::domain::{Error, Kind, Result, StopReason, clock, limits};
use crate::llm::{Answer, Failure, MAX_TOKENS, Prompt};
use crate::store::Place;
use crate::telemetry::metrics::catalog;

/// Runs a turn to its end, which is announced exactly once, whatever happens.
pub(super) fn run(turns: &Arc<Turns>, active: &Arc<Active>) {
    turns.store.turn_runs(&active.turn.id);
    active.publish(&turns.hub, EventKind::ConversationStart);
    let ended = catch_unwind(AssertUnwindSafe(|| rounds(turns, active)))
        .unwrap_or_else(|_| Err(Error::internal("a turn panicked")));
    match ended {
        Ok(Ended { reason, last }) => turns.finish(active, reason, last, None),
        Err(error) => turns.finish(active, EndReason::Error, active.take_as_it_is(), Some(&error)),
    }
    turns.dispatch();
}

/// How the rounds ended; `last` is a message that is still to be stored.
struct Ended {
    reason: EndReason,
    last: Option<(Message, Place)>,
}

fn rounds(turns: &Arc<Turns>, active: &Arc<Active>) -> Result<Ended> {
    let mut messages = history::of(&turns.store, &active.turn)?;
    let specs = tools::specs();
    let endpoint = turns.provider.endpoint();
    let model = active.conversation.model.clone().unwrap_or_else(|| endpoint.default_model.clone());
    for _ in 0..limits::TOOL_ROUNDS {
        let prompt = Prompt {
            model: &model,
            system: active.conversation.system_prompt.as_deref(),
            messages: &messages,
            tools: &specs,
            max_tokens: MAX_TOKENS,
        };
        let mut sink = |delta: crate::llm::Delta<'_>, answer: &Answer| active.on_delta(&turns.hub, delta, answer);
        let answer = match turns.provider.stream(&prompt, &active.cancel, &mut sink) {
            Ok(answer) => {
                turns.upstream.answered();
                answer
            }
            Err(failure) => return failed(turns, active, *failure),
        };
        active.finish_text(&turns.hub);
        let stop_reason = answer.stop_reason.clone();
        let Some((message, place)) = active.take_message(answer, MessageStatus::Complete) else {
            return Ok(Ended { reason: EndReason::Interrupted, last: None });
        };
        if !matches!(stop_reason, Some(StopReason::ToolUse | StopReason::PauseTurn)) {
            return Ok(Ended { reason: reason_of(stop_reason.as_ref()), last: Some((message, place)) });
        }
        store_and_tell(turns, active, message.clone(), place)?;
        let results = run_tools(turns, active, &message)?;
        messages.push(message);
        messages.extend(results);
        if active.cancel.is_cancelled() {
            return Ok(Ended { reason: EndReason::Interrupted, last: None });
        }
    }
    Ok(Ended { reason: EndReason::Limit, last: None })
}

fn reason_of(stop_reason: Option<&StopReason>) -> EndReason {
    match stop_reason {
        Some(StopReason::MaxTokens | StopReason::ContextWindow | StopReason::Limit) => EndReason::Limit,
        _ => EndReason::Completed,
    }
}

fn failed(turns: &Turns, active: &Active, failure: Failure) -> Result<Ended> {
    active.finish_text(&turns.hub);
    let last = if failure.partial.parts.is_empty() {
        // Nothing came, but what was asked was counted.
        let _ = active.take_message(failure.partial, MessageStatus::Interrupted);
        None
    } else {
        active.take_message(failure.partial, MessageStatus::Interrupted)
    };
    match failure.error {
        None => Ok(Ended { reason: EndReason::Interrupted, last }),
        Some(error) => {
            turns.upstream.failed(error.code);
            if let Some((message, place)) = last {
                store_and_tell(turns, active, message, place)?;
            }
            Err(error)
        }
    }
}

fn store_and_tell(turns: &Turns, active: &Active, message: Message, place: Place) -> Result<()> {
    let saved = save(turns, active, &message, place);
    tell_message(turns, active, message);
    saved
}

/// What cannot be stored now is stored with the end of the turn, at the latest.
fn save(turns: &Turns, active: &Active, message: &Message, place: Place) -> Result<()> {
    turns.store.save_message(message.clone(), place).inspect_err(|error| {
        if unstored::is_passing(error) {
            active.keep_unstored(message.clone(), place);
        }
    })
}

fn tell_message(turns: &Turns, active: &Active, message: Message) {
    let stop_reason = message.stop_reason.clone().unwrap_or_else(|| StopReason::from(message.status.as_str()));
    let usage = message.usage.unwrap_or_default();
    active.publish(&turns.hub, EventKind::MessageStop { stop_reason, usage });
    active.publish(&turns.hub, EventKind::AssistantMessage(Box::new(message)));
}

fn run_tools(turns: &Turns, active: &Active, message: &Message) -> Result<Vec<Message>> {
    let mut results = Vec::new();
    for part in &message.parts {
        let Part::ToolCall { id, name, input } = part else { continue };
        let outcome = if active.cancel.is_cancelled() {
            tools::Outcome { output: "Stopped before it ran".to_owned(), is_error: true }
        } else {
            tools::call(name, input)
        };
        let result = Part::ToolResult {
            id: id.clone(),
            name: name.clone(),
            output: outcome.output.clone(),
            is_error: outcome.is_error,
        };
        let message = note(active, MessageRole::Tool, result);
        save(turns, active, &message, active.next_place())?;
        active.publish(
            &turns.hub,
            EventKind::ToolResult { tool_call_id: id.clone(), result: outcome.output, is_error: outcome.is_error },
        );
        results.push(message);
    }
    Ok(results)
}

/// A message of one part that no model wrote.
fn note(active: &Active, role: MessageRole, part: Part) -> Message {
    Message {
        id: MessageId::random(),
        session_id: active.turn.session_id.clone(),
        turn_id: Some(active.turn.id.clone()),
        role,
        parts: vec![part],
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: clock::now_ms(),
    }
}

/// An error, as far as people are told.
struct Told {
    code: String,
    message: String,
    hint: Option<String>,
}

impl Told {
    fn of(error: &Error) -> Self {
        let hint = error.hint.as_ref().map(ToString::to_string);
        Self { code: error.code.to_owned(), message: error.message.to_string(), hint }
    }

    fn part(&self) -> Part {
        Part::Error { code: self.code.clone(), message: self.message.clone(), hint: self.hint.clone() }
    }
}

impl Turns {
    /// Stores the end of a turn and announces it, once; then the next may start.
    pub(super) fn finish(
        &self,
        active: &Arc<Active>,
        reason: EndReason,
        last: Option<(Message, Place)>,
        error: Option<&Error>,
    ) {
        if active.claim_end() {
            self.store_end(active, reason, last, error);
        }
        let idle = self.queue().ended(active);
        if idle {
            self.hub.done(&active.turn.session_id);
        }
        active.tell_ended();
        self.changed.notify_all();
    }

    /// Ends a turn whose thread does not come back in time; when it does, it finds that it is over.
    pub(super) fn finish_over_its_head(&self, active: &Arc<Active>) {
        let last = active.take_as_it_is();
        self.finish(active, EndReason::Interrupted, last, None);
    }

    fn store_end(&self, active: &Active, reason: EndReason, last: Option<(Message, Place)>, error: Option<&Error>) {
        let mut told = error.map(Told::of);
        if let Some(error) = error {
            log_failure(active, error);
        }
        let mut messages = active.take_unstored();
        messages.extend(last.clone());
        if let Some(told) = &told {
            messages.push((note(active, MessageRole::Error, told.part()), active.next_place()));
        }
        // Still to come: message_stop and assistant_message, error_occurred, conversation_end.
        let to_come = 2 * u64::from(last.is_some()) + u64::from(told.is_some()) + 1;
        let latest_seq = self.hub.latest(&active.turn.session_id).unwrap_or(0).saturating_add(to_come);
        let end = End { turn: active.turn.clone(), reason, usage: active.usage(), messages, latest_seq };
        let stored = end.store(&self.store);
        if let Some((message, _)) = last {
            tell_message(self, active, message);
        }
        let mut reason = reason;
        if let Err(failure) = stored
            && failure.kind != Kind::NotFound
        {
            self.keep_unstored(end, &failure);
            reason = EndReason::Error;
            let mut failure = Told::of(&failure);
            failure.message = format!("The answer could not be stored yet: {}", failure.message);
            told.get_or_insert(failure);
        }
        if let Some(Told { code, message, hint }) = told {
            let recoverable = error.is_none_or(|error| error.kind != Kind::Internal);
            active.publish(&self.hub, EventKind::ErrorOccurred { code, message, hint, recoverable });
        }
        count(reason, &active.usage());
        active.publish(&self.hub, EventKind::ConversationEnd { reason, usage: active.usage() });
        log::info!(target: "turn", "ended turn={} reason={} output_tokens={}", active.turn.id,
            // The word would make every failed turn twice a hit for whoever greps for it.
            if reason == EndReason::Error { "failed" } else { reason.as_str() }, active.usage().output);
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
