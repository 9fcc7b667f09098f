//! Tickets of people who gave their password and still owe a code. A ticket is no login; it lives in memory, for minutes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::domain::id::{UserId, hex, random_bytes};

/// How long there is for the code.
pub(super) const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Codes that may be tried with one ticket.
const TRIES: u32 = 5;
/// Tickets at once; past that the oldest is no longer good.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Ticket>>);

#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) user: UserId,
    /// The password that was given, as hashes of it: when it is changed meanwhile, the ticket is worth nothing.
    pub(super) hashes: Vec<String>,
    since: Instant,
    tries: u32,
}

impl Tickets {
    pub(super) fn issue(&self, user: UserId, hashes: Vec<String>) -> String {
        let text = hex(&random_bytes::<32>());
        let mut open = self.open();
        open.retain(|_, ticket| ticket.since.elapsed() < LIFETIME);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, ticket)| ticket.since).map(|(key, _)| key.clone());
            oldest.and_then(|key| open.remove(&key));
        }
        open.insert(key(&text), Ticket { user, hashes, since: Instant::now(), tries: 0 });
        text
    }

    /// The ticket, for one more try; `None` for one that is not, or no longer, good.
    pub(super) fn look(&self, text: &str) -> Option<Ticket> {
        let mut open = self.open();
        let ticket = open.get_mut(&key(text))?;
        ticket.tries += 1;
        if ticket.tries > TRIES || ticket.since.elapsed() >= LIFETIME {
            open.remove(&key(text));
            return None;
        }
        Some(ticket.clone())
    }

    /// Takes it: of two requests with the same ticket one gets it.
    pub(super) fn take(&self, text: &str) -> bool {
        self.open().remove(&key(text)).is_some()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looked up by a digest: how long a comparison takes says nothing about a ticket.
fn key(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_a_few_tries() {
        let tickets = Tickets::default();
        let user = UserId::from_outside("u");
        let first = tickets.issue(user.clone(), vec![]);
        assert!(tickets.look("made up").is_none());
        assert!((0..TRIES).all(|_| tickets.look(&first).is_some()));
        assert!(tickets.look(&first).is_none() && !tickets.take(&first), "its tries are used up");
        let second = tickets.issue(user.clone(), vec![]);
        assert!(tickets.take(&second) && !tickets.take(&second) && tickets.look(&second).is_none());
        let third = tickets.issue(user.clone(), vec![]);
        (0..MOST).for_each(|_| drop(tickets.issue(user.clone(), vec![])));
        assert!(tickets.look(&third).is_none(), "the oldest makes room");
        assert!(tickets.open().len() <= MOST);
    }
}
