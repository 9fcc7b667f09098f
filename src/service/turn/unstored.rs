//! Ends of turns that could not be stored, on a full disk for instance: what a model has written is kept in memory and
//! tried again, until it can be stored or the process ends.

use std::collections::VecDeque;

use crate::domain::event::EndReason;
use crate::domain::message::{Message, Part, Usage};
use crate::domain::{Error, Kind, Result};
use crate::store::{Place, Store, TurnRow};

/// Turns that wait, and the bytes of their messages.
const MOST_TURNS: usize = 512;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Everything that is to be stored when a turn ends.
#[derive(Clone)]
pub(super) struct End {
    pub turn: TurnRow,
    pub reason: EndReason,
    pub usage: Usage,
    pub messages: Vec<(Message, Place)>,
    pub latest_seq: u64,
}

impl End {
    /// In one transaction. Errors: those of [`Store::end_turn`].
    pub(super) fn store(&self, store: &Store) -> Result<()> {
        store.end_turn(&self.turn, self.reason, self.usage, self.messages.clone(), self.latest_seq)
    }

    fn bytes(&self) -> usize {
        self.messages.iter().flat_map(|(message, _)| &message.parts).map(Part::weight).sum()
    }
}

/// Whether it can be stored later what could not be stored now.
pub(super) fn is_passing(error: &Error) -> bool {
    error.kind == Kind::Unavailable && error.code != "stopping"
}

#[derive(Default)]
pub(super) struct Unstored {
    waiting: VecDeque<End>,
    bytes: usize,
}

impl Unstored {
    /// False when there is no room: then it is lost.
    pub(super) fn keep(&mut self, end: End) -> bool {
        let bytes = end.bytes();
        if self.waiting.len() >= MOST_TURNS || self.bytes.saturating_add(bytes) > MOST_BYTES {
            return false;
        }
        self.bytes += bytes;
        self.waiting.push_back(end);
        true
    }

    /// The one that waits longest.
    pub(super) fn first(&self) -> Option<End> {
        self.waiting.front().cloned()
    }

    pub(super) fn remove_first(&mut self) {
        if let Some(end) = self.waiting.pop_front() {
            self.bytes -= end.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MessageId, SessionId, TurnId};
    use crate::domain::message::{MessageRole, MessageStatus};

    fn end(bytes: usize) -> End {
        let session_id = SessionId::random();
        let message = Message {
            id: MessageId::random(),
            session_id: session_id.clone(),
            turn_id: None,
            role: MessageRole::Assistant,
            parts: vec![Part::Text("x".repeat(bytes))],
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 0,
        };
        let turn = TurnRow {
            id: TurnId::random(),
            session_id,
            ordinal: 1,
            user_message_id: MessageId::random(),
            state: "running".to_owned(),
        };
        let messages = vec![(message, Place { ordinal: 1, index: 1 })];
        End { turn, reason: EndReason::Completed, usage: Usage::default(), messages, latest_seq: 1 }
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_in_bytes() {
        let mut unstored = Unstored::default();
        assert!((0..MOST_TURNS).all(|_| unstored.keep(end(1))));
        assert!(!unstored.keep(end(1)));
        let mut unstored = Unstored::default();
        assert!(unstored.keep(end(MOST_BYTES)) && !unstored.keep(end(1)));
        unstored.remove_first();
        assert!(unstored.first().is_none() && unstored.keep(end(1)));
    }
}
