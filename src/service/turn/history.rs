//! What a model is sent of a conversation, and what is left out when that no longer fits.
//!
//! The rule: the system prompt, the tools, the first question and the newest whole turns stay; the turns in between go,
//! so that half of what there was is left. From where on the model remembers is stored in the turn that found out, so
//! that the beginning of a request stays the same from then on: the provider's cache lives on it. Thinking of turns
//! that were asked with more in front of them goes too: its signature is only good for what it was made under. What stands
//! in other branches is never sent, so that thinking in front of a question that was changed still has what it was made
//! under.

use crate::domain::id::TurnId;
use crate::domain::message::{Message, MessageRole, Part};
use crate::domain::{Result, limits};
use crate::store::{Store, TurnRow};

/// The most that is read of a conversation, in bytes: about the context of today's models.
const HISTORY_BYTES: usize = 2 * limits::MESSAGE_BYTES;

/// The longest tokens on average, in bytes.
const MOST_BYTES_PER_TOKEN: u64 = 6;

/// The turn's branch up to and with its question, oldest first, without what is for people only; and whether it
/// was cut here, which has to be said.
pub(super) fn of(store: &Store, turn: &TurnRow) -> Result<(Vec<Message>, bool)> {
    let (mut messages, first) = store.history(turn, HISTORY_BYTES)?;
    let first = first.filter(|first| messages.first().is_some_and(|oldest| oldest.id != first.id));
    let is_cut = first.is_some();
    if let Some(first) = first {
        messages.insert(0, first);
    }
    let (messages, is_known) = remembered(messages);
    Ok((messages, is_cut && !is_known))
}

/// Without what an earlier turn has left out, where one has, and without what is for people only.
fn remembered(mut messages: Vec<Message>) -> (Vec<Message>, bool) {
    let told = messages.iter().enumerate().rev().find_map(|(at, message)| Some((at, trimmed_to(message)?.clone())));
    let found = told.and_then(|(at, from)| Some((at, start_of(&messages, &from)?)));
    if let Some((at, start)) = found {
        forget_thinking(&mut messages[..at]);
        messages.drain(1..start.max(1));
    }
    messages.retain(|message| message.role != MessageRole::Error && !message.parts.is_empty());
    (messages, found.is_some())
}

/// Whether a conversation cannot fit into so many tokens: no text that people write has fewer than one for six bytes. What
/// may fit is sent, and its provider says whether it does.
pub(super) fn cannot_fit(messages: &[Message], context_tokens: u64) -> bool {
    let is_text = |part: &&Part| matches!(part, Part::Text(_) | Part::ToolCall { .. } | Part::ToolResult { .. });
    let texts = messages.iter().flat_map(|message| &message.parts).filter(is_text);
    let bytes: usize = texts.map(Part::weight).sum();
    bytes as u64 / MOST_BYTES_PER_TOKEN > context_tokens
}

/// Leaves out whole turns behind the first question, so that half is left. Returns the first turn that stays; `None`
/// when there is nothing that could be left out.
pub(super) fn trim(messages: &mut Vec<Message>) -> Option<TurnId> {
    let weight = |message: &Message| message.parts.iter().map(Part::weight).sum::<usize>();
    let starts = messages.iter().enumerate().skip(2);
    let starts = starts.filter(|(_, message)| message.role == MessageRole::User && message.turn_id.is_some());
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    let half = messages.iter().skip(1).map(weight).sum::<usize>() / 2;
    let fits = |start: &&usize| messages[**start..].iter().map(weight).sum::<usize>() <= half;
    let start = *starts.iter().find(fits).or(starts.last())?;
    let from = messages[start].turn_id.clone()?;
    // What has changed of the instructions counts all the same.
    let kept: Vec<_> = messages.drain(1..start).filter(|message| message.role == MessageRole::System).collect();
    messages.splice(1..1, kept);
    forget_thinking(messages);
    messages.retain(|message| !message.parts.is_empty());
    Some(from)
}

fn trimmed_to(message: &Message) -> Option<&TurnId> {
    message.parts.iter().find_map(|part| if let Part::ContextTrimmed { from } = part { Some(from) } else { None })
}

fn start_of(messages: &[Message], turn: &TurnId) -> Option<usize> {
    messages.iter().position(|message| message.turn_id.as_ref() == Some(turn))
}

pub(super) fn forget_thinking(messages: &mut [Message]) {
    let is_thinking = |part: &Part| matches!(part, Part::Thinking { .. } | Part::RedactedThinking { .. });
    for message in messages {
        message.parts.retain(|part| !is_thinking(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MessageId, SessionId};
    use crate::domain::message::MessageStatus;

    fn message(turn: usize, role: MessageRole, parts: Vec<Part>) -> Message {
        Message {
            id: MessageId::random(),
            session_id: SessionId::from("s".to_owned()),
            turn_id: Some(TurnId::from(format!("t{turn}"))),
            role,
            parts,
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 0,
        }
    }

    /// A question of 10 bytes, and an answer that thought and called a tool, of 90.
    fn turn(number: usize) -> Vec<Message> {
        let thinking = Part::Thinking { text: "t".repeat(20), signature: Some("s".to_owned()) };
        let (id, name) = (format!("c{number}"), "n".to_owned());
        let call = Part::ToolCall { id: id.clone(), name: name.clone(), input: "{}".to_owned() };
        let result = Part::ToolResult { id, name, output: "r".repeat(30), is_error: false };
        vec![
            message(number, MessageRole::User, vec![Part::Text("q".repeat(10))]),
            message(number, MessageRole::Assistant, vec![thinking, call]),
            message(number, MessageRole::Tool, vec![result]),
            message(number, MessageRole::Assistant, vec![Part::Text("a".repeat(30))]),
        ]
    }

    fn outline(messages: &[Message]) -> String {
        let one =
            |message: &Message| format!("{}{}", message.turn_id.as_ref().expect("has one"), message.role.as_str());
        messages.iter().map(one).collect::<Vec<_>>().join(" ").replace("user", "u").replace("assistant", "a")
    }

    fn question(number: usize) -> Vec<Message> {
        turn(number).into_iter().take(1).collect()
    }

    #[test]
    fn whole_turns_are_left_out_behind_the_first_question() {
        let mut messages = [turn(1), turn(2), turn(3), turn(4), question(5)].concat();
        assert_eq!(trim(&mut messages), Some(TurnId::from("t4".to_owned())));
        assert_eq!(outline(&messages), "t1u t4u t4a t4tool t4a t5u");
        let has_thinking = |message: &Message| message.parts.iter().any(|part| matches!(part, Part::Thinking { .. }));
        assert!(!messages.iter().any(has_thinking), "its signature is for another beginning");
        assert_eq!(trim(&mut messages), Some(TurnId::from("t5".to_owned())));
        assert_eq!(outline(&messages), "t1u t5u");
        assert_eq!(trim(&mut messages), None, "a question is never cut");
        assert_eq!(trim(&mut question(1)), None);
        let mut rounds = [question(1), turn(1).split_off(1)].concat();
        assert_eq!(trim(&mut rounds), None, "nor is the turn that runs");
    }

    #[test]
    fn only_what_cannot_fit_is_cut_before_it_is_asked() {
        let messages = [turn(1), turn(2)].concat();
        let bytes: u64 = 2 * (10 + 2 + 1 + 2 + 2 + 1 + 30 + 30);
        assert!(cannot_fit(&messages, bytes / 6 - 1));
        assert!(!cannot_fit(&messages, bytes / 6));
    }

    #[test]
    fn what_was_left_out_stays_out() {
        let note = Part::ContextTrimmed { from: TurnId::from("t3".to_owned()) };
        let told = vec![message(4, MessageRole::Error, vec![note])];
        let (messages, is_known) =
            remembered([turn(1), turn(2), turn(3), question(4), told, turn(4).split_off(1), turn(5)].concat());
        assert!(is_known);
        assert_eq!(outline(&messages), "t1u t3u t3a t3tool t3a t4u t4a t4tool t4a t5u t5a t5tool t5a");
        let thinks = |message: &&Message| message.parts.iter().any(|part| matches!(part, Part::Thinking { .. }));
        let thinking: Vec<_> = messages.iter().filter(thinks).cloned().collect();
        assert_eq!(outline(&thinking), "t4a t5a", "what was thought since then was thought under this beginning");
    }
}
