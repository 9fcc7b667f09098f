//! Ends of turns that could not be stored, on a full disk for instance: what a model has written is kept in memory and
//! stored later, unless the process ends before.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};

use super::Turns;
use crate::domain::event::EndReason;
use crate::domain::message::{Message, Part, Usage};
use crate::domain::{Code, Error, Kind, Result};
use crate::store::{Position, Store, TurnRow};

/// Turns that wait, and the bytes of their messages.
const MOST_TURNS: usize = 512;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Everything that is to be stored when a turn ends.
pub(super) struct End {
    pub turn: TurnRow,
    pub reason: EndReason,
    pub usage: Usage,
    pub messages: Vec<(Message, Position)>,
    /// The number of the session's last event, where it is known: the numbers behind it are free again.
    pub latest_seq: Option<u64>,
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

/// Whether what could not be stored now can be stored later.
pub(super) fn is_transient(error: &Error) -> bool {
    error.kind == Kind::Unavailable && error.code != Code::STOPPING
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

    /// Takes the oldest, so that no other thread stores it too.
    fn take_first(&mut self) -> Option<End> {
        let end = self.waiting.pop_front()?;
        self.bytes -= end.bytes();
        Some(end)
    }

    fn put_back(&mut self, end: End) {
        self.bytes += end.bytes();
        self.waiting.push_front(end);
    }
}

impl Turns {
    /// Tries once more to store the ends of turns that could not be stored; called every second.
    pub fn store_unstored(&self) {
        let mut stored = 0;
        loop {
            let first = self.unstored().take_first(); // a `while let` would hold the lock
            let Some(end) = first else { break };
            match end.store(&self.store) {
                Err(error) if is_transient(&error) => {
                    self.unstored().put_back(end);
                    break;
                }
                Err(error) => {
                    log::warn!(target: "turn", "the output of turn={} is lost: {}", end.turn.id, error.with_cause());
                }
                Ok(()) => stored += 1,
            }
        }
        if stored > 0 {
            log::info!(target: "turn", "{stored} answers that could not be stored before are stored now");
        }
    }

    /// Keeps an end in memory until it can be stored.
    pub(super) fn keep_unstored(&self, end: End, error: &Error) {
        let turn = end.turn.id.clone();
        if is_transient(error) && self.unstored().keep(end) {
            log::warn!(target: "turn", "turn={turn} is kept in memory until it can be stored: {}", error.message);
        } else {
            log::error!(target: "turn", "the end of turn={turn} was not stored: {}", error.with_cause());
        }
    }

    fn unstored(&self) -> MutexGuard<'_, Unstored> {
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner)
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
        let messages = vec![(message, Position { ordinal: 1, index: 1 })];
        End { turn, reason: EndReason::Completed, usage: Usage::default(), messages, latest_seq: Some(1) }
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_in_bytes() {
        let mut unstored = Unstored::default();
        assert!((0..MOST_TURNS).all(|_| unstored.keep(end(1))));
        assert!(!unstored.keep(end(1)));
        let mut unstored = Unstored::default();
        assert!(unstored.keep(end(MOST_BYTES)) && !unstored.keep(end(1)));
        let first = unstored.take_first().expect("kept");
        assert!(unstored.take_first().is_none() && unstored.keep(end(1)));
        unstored.put_back(first);
        assert!(!unstored.keep(end(1)), "what is put back counts again");
    }
}
