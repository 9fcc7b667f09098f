//! What the end of one answer means for its turn: a further round, the end, or the end with a sentence that says why
//! there is no whole answer. The sentence is stored, so that it is the same live and after a reload.

use crate::domain::event::EndReason;
use crate::domain::message::Part;
use crate::domain::{Error, Kind, StopReason, limits};
use crate::llm::Answer;

pub(super) enum Outcome {
    /// There is something new to tell the model: results of tools, or what it wrote before it paused.
    GoOn,
    End(EndReason, Option<Error>),
}

/// `is_answered`: an earlier round of the turn had text for the person, so that an empty end is no fault.
pub(super) fn of(answer: &Answer, is_answered: bool) -> Outcome {
    let has = |is_it: fn(&Part) -> bool| answer.parts.iter().any(is_it);
    let has_text = has(|part| matches!(part, Part::Text(text) if !text.trim().is_empty()));
    let has_calls = has(|part| matches!(part, Part::ToolCall { .. }));
    let failed = |code, message| Outcome::End(EndReason::Error, Some(retry(code, message)));
    let cut = |code, message| Outcome::End(EndReason::Limit, Some(proceed(code, message)));
    match &answer.stop_reason {
        Some(StopReason::Refusal) if has_text => {
            failed("answer_refused_midway", "The model declined to go on in the middle of its answer")
        }
        Some(StopReason::Refusal) => failed("answer_refused", "The model declined to answer"),
        Some(StopReason::MaxTokens | StopReason::Limit) => {
            cut("answer_too_long", "The answer reached the length limit and was cut off")
        }
        Some(StopReason::ContextWindow) => {
            cut("answer_context_full", "The answer was cut off: the model's context window is full")
        }
        Some(StopReason::PauseTurn) if has_text => Outcome::GoOn,
        _ if has_calls => Outcome::GoOn,
        Some(StopReason::ToolUse) => failed("tool_call_missing", "The model announced a tool call, but sent none"),
        _ if has_text || is_answered => Outcome::End(EndReason::Completed, None),
        _ if has(|part| matches!(part, Part::Thinking { .. } | Part::RedactedThinking { .. })) => {
            failed("answer_only_thinking", "The model thought about it, but ended without an answer")
        }
        _ => failed("answer_empty", "The model ended without an answer"),
    }
}

/// A turn that used all its rounds.
pub(super) fn out_of_rounds() -> Error {
    proceed("tool_rounds", format!("The model called tools {} times without finishing", limits::TOOL_ROUNDS))
}

fn retry(code: &'static str, message: &'static str) -> Error {
    Error::new(Kind::Upstream, code, message).hint("Try again, ask in other words, or choose another model")
}

fn proceed(code: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Upstream, code, message).hint("Continue the answer, or ask for a shorter one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stop_reason: Option<StopReason>, parts: &[Part], is_answered: bool, expected: &str) {
        let answer = Answer { parts: parts.to_vec(), stop_reason, ..Answer::default() };
        let outcome = match of(&answer, is_answered) {
            Outcome::GoOn => "go on".to_owned(),
            Outcome::End(reason, error) => {
                format!("{} {}", reason.as_str(), error.map_or("", |error| error.code.as_str()))
            }
        };
        assert_eq!(outcome.trim_end(), expected, "{answer:?}");
    }

    #[test]
    fn every_end_has_its_outcome() {
        let own = |text: &str| text.to_owned();
        let (text, blank) = (Part::Text(own("Yes.")), Part::Text(own(" \n")));
        let thinking = Part::Thinking { text: own("Hm."), signature: None };
        let call = Part::ToolCall { id: own("t"), name: own("n"), input: own("{}") };
        let (thought, said) = (&[thinking.clone()][..], &[text.clone()][..]);
        let called = &[text.clone(), call][..];
        let end = || Some(StopReason::EndTurn);
        check(end(), said, false, "completed");
        check(None, said, false, "completed");
        check(Some(StopReason::Other(own("eos"))), said, false, "completed");
        check(end(), &[], false, "error answer_empty");
        check(end(), &[blank], false, "error answer_empty");
        check(end(), &[], true, "completed");
        check(end(), thought, false, "error answer_only_thinking");
        check(Some(StopReason::Refusal), &[], true, "error answer_refused");
        check(Some(StopReason::Refusal), thought, false, "error answer_refused");
        check(Some(StopReason::Refusal), said, false, "error answer_refused_midway");
        check(Some(StopReason::MaxTokens), said, false, "limit answer_too_long");
        check(Some(StopReason::MaxTokens), called, false, "limit answer_too_long");
        check(Some(StopReason::Limit), said, false, "limit answer_too_long");
        check(Some(StopReason::ContextWindow), said, false, "limit answer_context_full");
        check(Some(StopReason::ToolUse), called, false, "go on");
        check(end(), called, false, "go on");
        check(Some(StopReason::ToolUse), said, false, "error tool_call_missing");
        check(Some(StopReason::ToolUse), &[], true, "error tool_call_missing");
        check(Some(StopReason::PauseTurn), said, false, "go on");
        check(Some(StopReason::PauseTurn), &[], false, "error answer_empty");
    }
}
