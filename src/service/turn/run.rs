//! The loop of one turn: ask the model, run the tools it calls, ask again, until it has answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::active::{Active, Last};
use super::draft::note;
use super::ending::{Ending, save};
use super::outcome::{self, Outcome};
use super::preamble::{self, Preamble};
use super::tools::Offer;
use super::{Turns, attachments, history, tools};
use crate::domain::event::{EndReason, EventKind};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};
use crate::domain::{Code, Error, Kind, Result, limits};
use crate::llm::{Answer, Delta, Failure, Model, Prompt};
use crate::service::allowance::check_storage;
use crate::service::models::Choice;
use crate::service::usage::Asking;

/// How often one question is asked again with half of the conversation.
const TRIMS: usize = 4;

/// Runs a turn to its end, which is announced exactly once, whatever happens.
pub(super) fn run(turns: &Arc<Turns>, active: &Arc<Active>) {
    turns.store.turn_runs(&active.turn.id);
    active.publish(&turns.hub, EventKind::ConversationStart { continues: active.continues });
    let ending = catch_unwind(AssertUnwindSafe(|| rounds(turns, active)))
        .unwrap_or_else(|_| Err(Error::internal("a turn panicked")))
        .unwrap_or_else(Ending::failed);
    turns.finish(active, ending);
}

fn rounds(turns: &Turns, active: &Active) -> Result<Ending> {
    // For the whole turn: a provider that is changed or removed meanwhile counts from the next one on.
    let choice = turns.choose(active)?;
    let (mut messages, is_cut) = history::of(&turns.store, &active.turn)?;
    if is_cut {
        trim(turns, active, &mut messages)?;
    }
    let window = choice.entry.provider.context_tokens(&choice.model).unwrap_or(u64::MAX);
    while history::cannot_fit(&messages, window) && trim(turns, active, &mut messages)? {}
    let offer = Offer::of(turns, active)?;
    let system = active.conversation.system_prompt.as_deref().unwrap_or_default();
    let preamble = preamble::of(&turns.store, &active.turn, system, &offer, &mut messages)?;
    let mut is_answered = false;
    for _ in 0..limits::TOOL_ROUNDS {
        check_storage(&turns.store, &active.conversation.container_id)?;
        let answer = match ask_what_fits(turns, active, &choice, &preamble, &mut messages)? {
            Ok(answer) => answer,
            Err(failure) => return Ok(failed(turns, &choice, *failure)),
        };
        if let Outcome::End(reason, error) = outcome::of(&answer, is_answered) {
            let last = Some(Last { answer, status: MessageStatus::Complete });
            return Ok(Ending { reason, last, error });
        }
        is_answered |= answer.parts.iter().any(|part| matches!(part, Part::Text(text) if !text.trim().is_empty()));
        let Some((message, place)) = active.take_message(&turns.hub, answer) else { return Ok(Ending::interrupted()) };
        save(turns, active, &message, place)?;
        let results = tools::run(turns, active, &offer, &message)?;
        messages.push(message);
        messages.extend(results);
        if active.cancel.is_cancelled() {
            return Ok(Ending::interrupted());
        }
    }
    Ok(Ending { reason: EndReason::Limit, last: None, error: Some(outcome::out_of_rounds()) })
}

/// Asks; where the model refuses the prompt as too long, again with less of the conversation.
fn ask_what_fits(
    turns: &Turns,
    active: &Active,
    choice: &Choice,
    preamble: &Preamble,
    messages: &mut Vec<Message>,
) -> Result<Result<Answer, Box<Failure>>> {
    for _ in 0..TRIMS {
        let outcome = ask(turns, active, choice, preamble, messages);
        if !outcome.as_ref().is_err_and(|failure| is_too_long(failure)) {
            return Ok(outcome);
        }
        if !trim(turns, active, messages)? {
            return Ok(outcome);
        }
    }
    Ok(ask(turns, active, choice, preamble, messages))
}

/// Leaves out what no longer fits, and says so. False when nothing can be left out.
fn trim(turns: &Turns, active: &Active, messages: &mut Vec<Message>) -> Result<bool> {
    let Some(from) = history::trim(messages) else { return Ok(false) };
    log::info!(target: "turn", "turn={} no longer fits the model: it is sent turn={from} and later", active.turn.id);
    let told = note(&active.turn, MessageRole::Error, Part::ContextTrimmed { from });
    let Some(place) = active.add_message(&told) else { return Ok(false) };
    save(turns, active, &told, place)?;
    Ok(true)
}

fn is_too_long(failure: &Failure) -> bool {
    !failure.output_began && failure.error.as_ref().is_some_and(|error| error.code == Code::UPSTREAM_TOO_LARGE)
}

fn ask(
    turns: &Turns,
    active: &Active,
    choice: &Choice,
    preamble: &Preamble,
    messages: &[Message],
) -> Result<Answer, Box<Failure>> {
    let Some(loaded) = attachments::load(turns, active, messages)? else { return Err(Box::new(Failure::cancelled())) };
    let prompt = Prompt {
        model: &choice.model,
        system: Some(&preamble.system),
        messages: &loaded.messages,
        tools: &preamble.tools,
        max_tokens: None,
        effort: active.conversation.effort.as_deref(),
    };
    let mut charge = turns.ledger.begin(asking(active, choice), &prompt)?;
    let mut sink = |delta: Delta<'_>, answer: &Answer| {
        charge.note(&delta, answer);
        active.on_delta(&turns.hub, delta, answer);
    };
    let outcome = choice.entry.provider.stream(&prompt, &active.cancel, &mut sink);
    if let Some(state) = charge.finish(outcome.is_ok()) {
        active.publish(&turns.hub, EventKind::BudgetNotice(state));
    }
    let answer = outcome?;
    if choice.is_default {
        turns.upstream.answered();
    }
    Ok(answer)
}

fn asking<'a>(active: &'a Active, choice: &'a Choice) -> Asking<'a> {
    let provider = &choice.entry.provider;
    let lists = |models: &[Model]| models.iter().any(|model| model.id == choice.model);
    Asking {
        owner: &active.conversation.container_id,
        turn: &active.turn.id,
        provider: &provider.endpoint().name,
        kind: provider.endpoint().kind,
        is_listed: provider.endpoint().default_model == choice.model
            || provider.known_models().is_some_and(|models| lists(&models)),
        cancel: &active.cancel,
    }
}

fn failed(turns: &Turns, choice: &Choice, failure: Failure) -> Ending {
    let last = Some(Last { answer: failure.partial, status: MessageStatus::Interrupted });
    match failure.error {
        None => Ending { last, ..Ending::interrupted() },
        Some(error) => {
            if choice.is_default && error.kind == Kind::Upstream {
                turns.upstream.failed(error.code.as_str());
            }
            Ending { last, ..Ending::failed(turns.models.explained(error, choice)) }
        }
    }
}
