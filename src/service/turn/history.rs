//! What a model is sent of a conversation.

use crate::domain::message::{Message, MessageRole};
use crate::domain::{Result, limits};
use crate::store::{Store, TurnRow};

/// The most that is sent of a conversation, in bytes: about the context of today's models. What is older is left out.
const HISTORY_BYTES: usize = 2 * limits::MESSAGE_BYTES;

/// The conversation up to and with the turn's question, oldest first, without what is for people only.
pub(super) fn of(store: &Store, turn: &TurnRow) -> Result<Vec<Message>> {
    let mut messages = store.history(turn, HISTORY_BYTES)?;
    messages.retain(|message| message.role != MessageRole::Error && !message.parts.is_empty());
    Ok(messages)
}
