//! The order in which things were said. 1.9 stored the calls of a message before the text that came before them, which
//! sometimes came only behind the results of the calls.

use std::collections::HashMap;

use crate::domain::message::{Message, MessageRole, Part};

/// A message, and the id of the model's message that it was a part of, where 1.9 kept that.
pub type Stored = (Message, Option<String>);

/// The messages in the order in which they were said: a text stands before the calls of the same message of the model,
/// and before calls that directly precede it, since without their results nothing else can have been said.
pub fn as_said(stored: Vec<Stored>) -> Vec<Message> {
    let mut first_of: HashMap<String, usize> = HashMap::new();
    let mut calls_from = None;
    let mut keyed = Vec::with_capacity(stored.len());
    for (at, (message, parent)) in stored.into_iter().enumerate() {
        let is_call = is_call(&message);
        let place = if is_call {
            calls_from.get_or_insert(at);
            // Some calls have the id of the model's message for their own.
            first_of.entry(parent.unwrap_or_else(|| message.id.as_str().to_owned())).or_insert(at);
            None
        } else if is_answer(&message) {
            first_of.get(message.id.as_str()).copied().or(calls_from)
        } else {
            None
        };
        if !is_call && place.is_none() {
            calls_from = None;
        }
        // Texts of one place stay in their order, before what stands there.
        keyed.push(((place.unwrap_or(at), place.is_none()), message));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, message)| message).collect()
}

fn is_call(message: &Message) -> bool {
    message.role == MessageRole::Assistant
        && !message.parts.is_empty()
        && message.parts.iter().all(|part| matches!(part, Part::ToolCall { .. }))
}

fn is_answer(message: &Message) -> bool {
    message.role == MessageRole::Assistant && !message.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SessionId;
    use crate::store::v19::messages::{message, parent};

    /// `u` a question, `c1<a` a call with the parent `a`, `a` a text, `r1` the result of a call.
    fn check(stored: &str, expected: &str) {
        let one = |word: &str| {
            let (id, of) = word.split_once('<').unwrap_or((word, ""));
            let json = match &id[..1] {
                "u" => format!(r#"{{"id":"{id}","role":"user","content":"x"}}"#),
                "c" => format!(
                    r#"{{"id":"{id}","role":"assistant","subtype":"tool-call","toolCall":{{"id":"{id}","name":"ls"}},"parentId":"{of}"}}"#
                ),
                "r" => format!(r#"{{"id":"{id}","role":"tool","subtype":"tool-result","toolResult":{{"id":"x"}}}}"#),
                _ => format!(r#"{{"id":"{id}","role":"assistant","content":"x"}}"#),
            };
            let message = message(&json, &SessionId::random(), 0).expect("a message");
            (message, parent(&json))
        };
        let ordered = as_said(stored.split(' ').map(one).collect());
        let ids: Vec<&str> = ordered.iter().map(|message| message.id.as_str()).collect();
        assert_eq!(ids.join(" "), expected, "{stored}");
    }

    #[test]
    fn a_call_may_have_the_id_of_its_text() {
        let read = |json: &str| (message(json, &SessionId::random(), 0).expect("a message"), parent(json));
        let call = read(r#"{"id":"a","role":"assistant","subtype":"tool-call","toolCall":{"id":"t","name":"ls"}}"#);
        let result = read(r#"{"id":"r","role":"tool","subtype":"tool-result","toolResult":{"id":"t"}}"#);
        let text = read(r#"{"id":"a","role":"assistant","content":"x"}"#);
        let ordered = as_said(vec![call, result, text]);
        assert!(is_answer(&ordered[0]) && is_call(&ordered[1]), "{ordered:?}");
    }

    #[test]
    fn a_text_stands_before_its_calls() {
        check("u1 c1<a1 a1 r1 a2", "u1 a1 c1 r1 a2");
        check("u1 c1<a1 r1 a1 a2", "u1 a1 c1 r1 a2");
        check("u1 c1<a1 c2<a1 a1 r1 r2 a2", "u1 a1 c1 c2 r1 r2 a2");
        check("u1 c1<a1 a1 r1 c2<a2 a2 r2 a3", "u1 a1 c1 r1 a2 c2 r2 a3");
        check("u1 c1 a1 r1 a2", "u1 a1 c1 r1 a2");
        check("u1 c1<of-no-text r1 a1 u2 a2", "u1 c1 r1 a1 u2 a2");
        check("u1 c1<a1 u2 a1 u3", "u1 a1 c1 u2 u3");
        check("u1 a1 u2 a2", "u1 a1 u2 a2");
        check("u1 c1<a1 c1<a1 a1 a1 r1", "u1 a1 a1 c1 c1 r1");
    }
}
