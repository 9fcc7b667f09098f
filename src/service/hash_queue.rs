//! Who may hash next: one at a time, networks in turn, so that many logins from one place do not keep the others out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::domain::id::UserId;
use crate::domain::{Error, Result};

/// Hashes that may wait: in all, from one network, and for one account; and how long.
const WAITING: usize = 64;
const WAITING_PER_NETWORK: usize = 16;
const WAITING_PER_ACCOUNT: usize = 12;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct HashQueue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    busy: bool,
    /// The ticket whose turn it is.
    admitted: Option<u64>,
    next_ticket: u64,
    /// One lane for each network that waits; the first is served next.
    lanes: VecDeque<Lane>,
}

struct Lane {
    /// `None`: not from the network.
    network: Option<IpNet>,
    tickets: VecDeque<Ticket>,
}

struct Ticket {
    number: u64,
    account: Option<UserId>,
}

/// The right to hash; the next one gets it when this is dropped.
pub(super) struct HashTurn<'a>(&'a HashQueue);

impl HashQueue {
    /// Waits for a turn.
    ///
    /// Errors: `Unavailable` when too many are waiting, or for too long.
    pub(super) fn enter(&self, network: Option<IpNet>, account: Option<&UserId>) -> Result<HashTurn<'_>> {
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = self.lock();
        if !waiting.busy {
            waiting.busy = true;
            return Ok(HashTurn(self));
        }
        let number = waiting.queue(network, account).ok_or_else(crowded)?;
        while waiting.admitted != Some(number) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                waiting.remove(number);
                return Err(crowded());
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.admitted = None;
        Ok(HashTurn(self))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HashTurn<'_> {
    fn drop(&mut self) {
        self.0.lock().admit_next();
        self.0.changed.notify_all();
    }
}

impl Waiting {
    /// `None` where there is no room.
    fn queue(&mut self, network: Option<IpNet>, account: Option<&UserId>) -> Option<u64> {
        let tickets = || self.lanes.iter().flat_map(|lane| &lane.tickets);
        let of_account = tickets().filter(|ticket| account.is_some() && ticket.account.as_ref() == account).count();
        let lane = self.lanes.iter().position(|lane| lane.network == network);
        let of_network = lane.map_or(0, |at| self.lanes[at].tickets.len());
        if tickets().count() >= WAITING || of_account >= WAITING_PER_ACCOUNT || of_network >= WAITING_PER_NETWORK {
            return None;
        }
        self.next_ticket += 1;
        let ticket = Ticket { number: self.next_ticket, account: account.cloned() };
        match lane {
            Some(at) => self.lanes[at].tickets.push_back(ticket),
            None => self.lanes.push_back(Lane { network, tickets: VecDeque::from([ticket]) }),
        }
        Some(self.next_ticket)
    }

    fn admit_next(&mut self) {
        let Some(mut lane) = self.lanes.pop_front() else {
            self.busy = false;
            return;
        };
        self.admitted = lane.tickets.pop_front().map(|ticket| ticket.number);
        if !lane.tickets.is_empty() {
            self.lanes.push_back(lane);
        }
    }

    fn remove(&mut self, number: u64) {
        for lane in &mut self.lanes {
            lane.tickets.retain(|ticket| ticket.number != number);
        }
        self.lanes.retain(|lane| !lane.tickets.is_empty());
    }
}

fn crowded() -> Error {
    Error::unavailable("too_many_logins", "Too many people are logging in at this moment, try again")
        .retry_after(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Option<IpNet> {
        Some(IpNet::from(std::net::IpAddr::from([203, 0, 113, last])))
    }

    #[test]
    fn networks_take_turns_and_hold_a_few_places_only() {
        let mut waiting = Waiting { busy: true, ..Waiting::default() };
        let user = UserId::random();
        let mine: Vec<Option<u64>> = (0..20).map(|_| waiting.queue(network(1), Some(&user))).collect();
        assert_eq!(mine.iter().flatten().count(), WAITING_PER_ACCOUNT);
        let more = (0..WAITING).filter_map(|_| waiting.queue(network(1), None)).count();
        assert_eq!(more, WAITING_PER_NETWORK - WAITING_PER_ACCOUNT);
        let other = waiting.queue(network(2), None);
        assert!(other.is_some(), "another network still has room");
        waiting.admit_next();
        assert_eq!(waiting.admitted, mine[0]);
        waiting.admit_next();
        assert_eq!(waiting.admitted, other, "the other network comes second, not seventeenth");
        waiting.admit_next();
        assert_eq!(waiting.admitted, mine[1]);
    }

    #[test]
    fn a_turn_ends_when_it_is_dropped() {
        let queue = HashQueue::default();
        drop(queue.enter(None, None).expect("free"));
        let turn = queue.enter(None, None).expect("free again");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.enter(network(1), None).map(drop));
            drop(turn);
            assert!(second.join().expect("ends").is_ok());
        });
    }
}
