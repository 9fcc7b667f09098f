//! Our own form, as an export wrote it. What only the provider of that time could read is left out: it is signed for the
//! conversation that it stood in.

use serde::Deserialize;

use super::arrival::{Arrival, Branch, Changed, Draft, DraftPart, Reason, list};
use crate::domain::StopReason;
use crate::domain::loose_json::{Raw, milliseconds, words};
use crate::domain::message::{MessageRole, MessageStatus, Part};
use crate::store::stored_form;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conversation<'a> {
    #[serde(borrow)]
    image_id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    description: Raw<'a>,
    #[serde(borrow)]
    system_prompt: Raw<'a>,
    #[serde(borrow)]
    model: Raw<'a>,
    #[serde(borrow)]
    effort: Raw<'a>,
    #[serde(borrow)]
    tools: Raw<'a>,
    #[serde(borrow)]
    created_at: Raw<'a>,
    #[serde(borrow)]
    updated_at: Raw<'a>,
    #[serde(borrow)]
    pinned: Raw<'a>,
    #[serde(borrow)]
    archived: Raw<'a>,
    #[serde(borrow)]
    turns: Raw<'a>,
    #[serde(borrow)]
    messages: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Turn<'a> {
    #[serde(borrow)]
    turn_id: Raw<'a>,
    #[serde(borrow)]
    parent_turn_id: Raw<'a>,
    #[serde(borrow)]
    is_shown: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    turn_id: Raw<'a>,
    #[serde(borrow)]
    role: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    model: Raw<'a>,
    #[serde(borrow)]
    stop_reason: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
}

pub(super) fn read(json: &str) -> Result<Arrival, Reason> {
    let given: Conversation<'_> = serde_json::from_str(json).map_err(|_| Reason::Unreadable)?;
    let mut arrival = Arrival {
        origin: "portagent",
        id: words(given.image_id),
        name: words(given.name).unwrap_or_default(),
        description: words(given.description),
        system_prompt: words(given.system_prompt),
        model: words(given.model),
        effort: words(given.effort),
        tools: given.tools.map(|_| list(given.tools).into_iter().filter_map(|raw| words(Some(raw))).collect()),
        created_at: milliseconds(given.created_at),
        updated_at: milliseconds(given.updated_at),
        is_pinned: is_true(given.pinned),
        is_archived: is_true(given.archived),
        branches: list(given.turns).into_iter().filter_map(|raw| branch(raw.get())).collect(),
        ..Arrival::default()
    };
    let messages = list(given.messages);
    if messages.is_empty() && given.messages.is_some_and(|raw| raw.get().len() > 2) {
        return Err(Reason::TooManyMessages);
    }
    for raw in messages {
        arrival.drafts.extend(message(raw.get(), &mut arrival.changed));
    }
    Ok(arrival)
}

fn is_true(raw: Raw<'_>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

fn branch(json: &str) -> Option<Branch> {
    let given: Turn<'_> = serde_json::from_str(json).ok()?;
    let is_shown = given.is_shown.is_none() || is_true(given.is_shown);
    Some(Branch { turn: words(given.turn_id)?, parent: words(given.parent_turn_id), is_shown })
}

fn message(json: &str, changed: &mut Changed) -> Option<Draft> {
    let given: Message<'_> = serde_json::from_str(json).ok()?;
    let role = MessageRole::from_text(&words(given.role)?)?;
    let status = words(given.status).map_or(MessageStatus::Complete, |text| MessageStatus::from_text(&text));
    Some(Draft {
        turn: words(given.turn_id),
        parts: list(given.content).into_iter().filter_map(|raw| part(raw.get(), changed)).collect(),
        // What was being written then is not any more.
        status: if status == MessageStatus::Streaming { MessageStatus::Interrupted } else { status },
        model: words(given.model),
        usage: given.usage.and_then(|raw| stored_form::read_usage(raw.get())),
        stop_reason: words(given.stop_reason).map(|text| StopReason::from(text.as_str())),
        ..Draft::new(role, milliseconds(given.timestamp))
    })
}

fn part(json: &str, changed: &mut Changed) -> Option<DraftPart> {
    let ready = match stored_form::read_part(json) {
        None => return Some(changed.unknown(json)),
        Some(Part::Text(text)) => return Some(changed.text(text)),
        Some(Part::Thinking { text, .. }) if text.is_empty() => return None,
        Some(Part::Thinking { text, .. }) => Part::Thinking { text, signature: None },
        Some(Part::RedactedThinking { .. } | Part::Opaque { .. } | Part::ContextTrimmed { .. }) => return None,
        // It stayed in the work directory of the conversation.
        Some(Part::WorkFile(_)) => {
            changed.files_missing += 1;
            return None;
        }
        Some(Part::Attachment(file)) => {
            return Some(DraftPart::Asset { key: file.id.as_str().to_owned(), name: file.name });
        }
        Some(part) => part,
    };
    Some(DraftPart::Ready(ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_or_stay_as_text() {
        let json = r#"{"imageId":"img_1","name":"n","createdAt":5,"messages":[
            {"turnId":"t","role":"user","timestamp":7,"content":[{"type":"text","text":"q"},{"type":"attachment","fileId":"f","mediaType":"text/plain","name":"a.txt","size":1}]},
            {"turnId":"t","role":"assistant","status":"streaming","model":"m","stopReason":"end_turn","usage":{"inputTokens":3},
             "content":[{"type":"thinking","text":"hm","signature":"s"},{"type":"opaque","origin":"o","data":"d"},{"type":"new","x":1},
             {"type":"tool-call","id":"1","name":"ls","input":"{}"}]},
            {"role":"nobody"}, 7]}"#;
        let arrival = read(json).unwrap();
        assert_eq!((arrival.drafts.len(), arrival.changed.as_text, arrival.created_at), (2, 1, Some(5)));
        let answer = &arrival.drafts[1];
        assert_eq!((answer.status, answer.usage.map(|usage| usage.input)), (MessageStatus::Interrupted, Some(3)));
        let ready: Vec<&Part> = answer
            .parts
            .iter()
            .filter_map(|part| match part {
                DraftPart::Ready(part) => Some(part),
                _ => None,
            })
            .collect();
        let thinking = Part::Thinking { text: "hm".to_owned(), signature: None };
        assert_eq!((ready.len(), ready[0]), (3, &thinking));
        assert!(matches!(&arrival.drafts[0].parts[1], DraftPart::Asset { key, name } if key == "f" && name == "a.txt"));
    }
}
