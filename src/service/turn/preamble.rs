//! What stands before all messages of a conversation: system prompt and tools.
//!
//! A model's signed thinking is only good under exactly the words that it was made under, and the provider's cache lives
//! on a beginning that stays the same. So what the first question was sent with is sent with all later ones, and what has
//! changed since is told as a message in front of the question from which it counts. Only tools that are new, or have
//! another schema, have to be sent anew, since a model cannot call what it was not given: then all thinking before that
//! is left out.

use super::history;
use super::tools::Offer;
use crate::domain::clock;
use crate::domain::id::{MessageId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};
use crate::domain::{Error, Result};
use crate::llm::ToolSpec;
use crate::service::toolbox::specs;
use crate::store::{PreambleRow, Store, TurnRow};

/// What a question is sent with.
pub(super) struct Preamble {
    /// Empty: none.
    pub system: String,
    pub tools: Vec<ToolSpec>,
}

/// Stores what counts from this turn on, where it differs from what counted before, and puts what has changed since the
/// first turn into `messages`.
pub(super) fn of(
    store: &Store,
    turn: &TurnRow,
    system: &str,
    offer: &Offer,
    messages: &mut Vec<Message>,
) -> Result<Preamble> {
    let mut rows = store.preambles(turn)?;
    let system = system.trim();
    let is_same = |last: &PreambleRow| Ok::<_, Error>(last.system == system && specs(&last.tools)? == offer.specs);
    if !rows.last().map_or(Ok(false), is_same)? {
        let set = offer.set.clone();
        let now = PreambleRow {
            turn_id: turn.id.clone(),
            ordinal: turn.ordinal,
            system: system.to_owned(),
            set,
            tools: String::new(),
        };
        store.add_preamble(&turn.session_id, now)?;
        rows = store.preambles(turn)?;
    }
    if rows.is_empty() {
        return Err(Error::not_found("The conversation")); // it was deleted meanwhile
    }
    told(&rows, messages)
}

/// Makes the messages that tell of changes. The last row whose tools the one before did not have begins anew.
fn told(rows: &[PreambleRow], messages: &mut Vec<Message>) -> Result<Preamble> {
    let read: Vec<Vec<ToolSpec>> = rows.iter().map(|row| specs(&row.tools)).collect::<Result<_>>()?;
    let mut first = 0;
    for (at, tools) in read.iter().enumerate().skip(1) {
        if !tools.iter().all(|tool| read[first].contains(tool)) {
            first = at;
        }
    }
    if first > 0 {
        let start = start_of(messages, &rows[first].turn_id).unwrap_or(messages.len().min(1));
        history::forget_thinking(&mut messages[..start]);
        messages.retain(|message| !message.parts.is_empty());
    }
    let mut behind_first = messages.len().min(1);
    for (at, row) in rows.iter().enumerate().skip(first + 1) {
        let text = change((&rows[at - 1], &read[at - 1]), (row, &read[at]));
        let start = start_of(messages, &row.turn_id).unwrap_or(behind_first);
        let question = messages.get(start).or(messages.first());
        let Some(told) = question.filter(|_| !text.is_empty()).map(|question| note(question, text)) else { continue };
        messages.insert(start, told);
        behind_first += usize::from(start == behind_first);
    }
    let (row, tools) = (&rows[first], read.into_iter().nth(first).unwrap_or_default());
    Ok(Preamble { system: row.system.clone(), tools })
}

/// Where a turn begins; where it was left out, what it changed is told behind the first question.
fn start_of(messages: &[Message], turn: &TurnId) -> Option<usize> {
    messages.iter().position(|message| message.turn_id.as_ref() == Some(turn))
}

fn change(before: (&PreambleRow, &[ToolSpec]), after: (&PreambleRow, &[ToolSpec])) -> String {
    let mut told = Vec::new();
    if before.0.system != after.0.system {
        told.push(match after.0.system.as_str() {
            "" => "The instructions at the beginning no longer apply.".to_owned(),
            system => format!("The instructions have changed. From now on these apply:\n\n{system}"),
        });
    }
    let missing = |of: &[ToolSpec], from: &[ToolSpec]| {
        let gone = of.iter().filter(|tool| !from.contains(tool)).map(|tool| tool.name.as_str());
        gone.collect::<Vec<_>>().join(", ")
    };
    let (gone, back) = (missing(before.1, after.1), missing(after.1, before.1));
    if !gone.is_empty() {
        told.push(format!("These tools are no longer available: {gone}."));
    }
    if !back.is_empty() {
        told.push(format!("These tools are available again: {back}."));
    }
    told.join("\n\n")
}

fn note(question: &Message, text: String) -> Message {
    Message {
        id: MessageId::random(),
        session_id: question.session_id.clone(),
        turn_id: None,
        role: MessageRole::System,
        parts: vec![Part::Text(text)],
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: clock::now_ms(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::id::SessionId;

    fn message(turn: i64, role: MessageRole, parts: Vec<Part>) -> Message {
        let mut message = note(&question_of(turn), String::new());
        (message.turn_id, message.role, message.parts) = (Some(id(turn)), role, parts);
        message
    }

    fn question_of(turn: i64) -> Message {
        Message {
            id: MessageId::random(),
            session_id: SessionId::from("s".to_owned()),
            turn_id: Some(id(turn)),
            role: MessageRole::User,
            parts: vec![Part::Text(format!("q{turn}"))],
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 0,
        }
    }

    fn id(turn: i64) -> TurnId {
        TurnId::from(format!("t{turn}"))
    }

    fn row(turn: i64, system: &str, names: &[&str]) -> PreambleRow {
        let tool = |name: &&str| json!({"name": name, "description": "", "schema": "{}"});
        let tools = json!({"servers": [], "tools": names.iter().map(tool).collect::<Vec<_>>()}).to_string();
        PreambleRow { turn_id: id(turn), ordinal: turn, system: system.to_owned(), set: tools.clone(), tools }
    }

    /// System prompt and tools, and the messages, one letter a role with their texts; `!` marks thinking.
    fn check(rows: &[PreambleRow], turns: i64, expected: &str) {
        let thinking = || Part::Thinking { text: "hm".to_owned(), signature: Some("s".to_owned()) };
        let mut messages: Vec<Message> = (1..=turns)
            .flat_map(|turn| {
                let answer = vec![thinking(), Part::Text(format!("a{turn}"))];
                [question_of(turn), message(turn, MessageRole::Assistant, answer)]
            })
            .collect();
        messages.pop();
        let Preamble { system, tools } = told(rows, &mut messages).expect("readable");
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let part = |part: &Part| if let Part::Text(text) = part { text.clone() } else { "!".to_owned() };
        let one = |message: &Message| message.parts.iter().map(part).collect::<String>();
        let all: Vec<String> = messages.iter().map(one).collect();
        assert_eq!(format!("{system} [{}] {}", names.join(" "), all.join(" | ")), expected);
    }

    #[test]
    fn what_changed_is_told_where_it_begins_to_count() {
        let kind = row(1, "be kind", &["a", "b"]);
        check(std::slice::from_ref(&kind), 2, "be kind [a b] q1 | !a1 | q2");
        let brief = "The instructions have changed. From now on these apply:\n\nbe brief";
        check(
            &[kind.clone(), row(2, "be brief", &["a", "b"])],
            3,
            &format!("be kind [a b] q1 | !a1 | {brief} | q2 | !a2 | q3"),
        );
        let gone = "These tools are no longer available: b.";
        let back = "These tools are available again: b.";
        check(
            &[kind.clone(), row(2, "be kind", &["a"]), row(3, "be kind", &["a", "b"])],
            3,
            &format!("be kind [a b] q1 | !a1 | {gone} | q2 | !a2 | {back} | q3"),
        );
        let no_more = "The instructions at the beginning no longer apply.";
        check(&[kind, row(2, "", &["a", "b"])], 2, &format!("be kind [a b] q1 | !a1 | {no_more} | q2"));
    }

    #[test]
    fn a_new_tool_begins_anew_without_the_thinking_before_it() {
        let rows = [row(1, "be kind", &["a"]), row(2, "be brief", &["a", "b"]), row(3, "be brief", &["b"])];
        let gone = "These tools are no longer available: a.";
        check(&rows, 3, &format!("be brief [a b] q1 | a1 | q2 | !a2 | {gone} | q3"));
    }

    #[test]
    fn what_was_told_in_a_turn_that_was_left_out_is_told_behind_the_first_question() {
        let rows = [row(1, "be kind", &[]), row(2, "be brief", &[])];
        let mut messages = vec![question_of(1), question_of(5)];
        told(&rows, &mut messages).expect("readable");
        assert_eq!((messages.len(), messages[1].role), (3, MessageRole::System));
    }
}
