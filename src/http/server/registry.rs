//! Every open connection: what it is doing and since when, so that the oldest idle one can make room for a new one,
//! and so that a stop knows whom to wait for.
//!
//! What a connection is doing is one atomic word of its own; the table's lock is taken only when one comes or goes.

use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::caps::Caps;
use crate::telemetry::metrics::catalog::HTTP_CONNECTIONS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for a request.
    Idle,
    /// Its head is arriving.
    Head,
    /// Its body is arriving.
    Body,
    /// Its answer is being made or written.
    Busy,
    /// A WebSocket now: no longer ours, but still counted.
    Upgraded,
    /// Evicted.
    Closed,
}

pub(crate) struct Registry {
    caps: Caps,
    start: Instant,
    table: Mutex<Table>,
    /// A connection has ended.
    gone: Condvar,
}

#[derive(Default)]
struct Table {
    slots: HashMap<u64, Slot>,
    per_address: HashMap<IpAddr, usize>,
    next: u64,
}

struct Slot {
    word: Arc<AtomicU64>,
    /// `None` once it was handed over to be a WebSocket.
    stream: Option<Arc<TcpStream>>,
    /// `None` where connections of its address are not counted.
    address: Option<IpAddr>,
}

/// A connection's place in the registry, held by its thread; dropping it frees the place.
pub(crate) struct ConnectionGuard {
    registry: Arc<Registry>,
    id: u64,
    word: Arc<AtomicU64>,
}

impl Registry {
    pub(crate) fn new(caps: Caps) -> Self {
        Self { caps, start: Instant::now(), table: Mutex::default(), gone: Condvar::new() }
    }

    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    /// `None` when it is full and no connection can be evicted.
    pub(crate) fn admit(self: &Arc<Self>, stream: &Arc<TcpStream>, address: Option<IpAddr>) -> Option<ConnectionGuard> {
        let mut table = self.lock();
        if let Some(address) = address
            && table.per_address.get(&address).is_some_and(|held| *held >= self.caps.per_address)
            && !table.evict_oldest(Some(address))
        {
            return None;
        }
        if table.slots.len() >= self.caps.total && !table.evict_oldest(None) {
            return None;
        }
        let id = table.next;
        table.next += 1;
        let word = Arc::new(AtomicU64::new(self.word(Phase::Idle)));
        table.slots.insert(id, Slot { word: Arc::clone(&word), stream: Some(Arc::clone(stream)), address });
        if let Some(address) = address {
            *table.per_address.entry(address).or_default() += 1;
        }
        HTTP_CONNECTIONS.add(1);
        Some(ConnectionGuard { registry: Arc::clone(self), id, word })
    }

    /// Evicts the oldest idle connection, because descriptors have run out.
    pub(crate) fn make_room(&self) -> bool {
        self.lock().evict_oldest(None)
    }

    /// Ends every connection that has no request in progress.
    pub(crate) fn close_idle(&self) {
        for slot in self.lock().slots.values() {
            if matches!(slot.phase(), Phase::Idle | Phase::Head) {
                slot.close();
            }
        }
    }

    /// Waits until the last connection is gone. `false`: the deadline came first.
    pub(crate) fn wait_empty(&self, deadline: Instant) -> bool {
        let mut table = self.lock();
        while !table.slots.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            table = self.gone.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends every connection that is still ours, whatever it is doing.
    pub(crate) fn shut_all(&self) {
        for slot in self.lock().slots.values() {
            slot.shut();
        }
    }

    fn word(&self, phase: Phase) -> u64 {
        (self.start.elapsed().as_millis() as u64) << 3 | phase as u64
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Ends the oldest connection that waits for a request or its head; where there is none, the oldest whose body is
    /// still arriving. `false`: every connection is busy.
    fn evict_oldest(&mut self, of: Option<IpAddr>) -> bool {
        let mut candidates: Vec<(bool, u64, u64)> = self
            .slots
            .iter()
            .filter(|(_, slot)| of.is_none() || slot.address == of)
            .filter_map(|(id, slot)| match slot.phase() {
                phase @ (Phase::Idle | Phase::Head | Phase::Body) => {
                    Some((phase == Phase::Body, slot.word.load(Ordering::SeqCst) >> 3, *id))
                }
                _ => None,
            })
            .collect();
        // Most of the time the first one goes; the others are there for one that has just begun to work.
        candidates.sort_unstable();
        for (_, _, id) in candidates {
            if self.slots.get(&id).is_some_and(Slot::close) {
                self.remove(id);
                return true;
            }
        }
        false
    }

    fn remove(&mut self, id: u64) {
        let Some(address) = self.slots.remove(&id).and_then(|slot| slot.address) else { return };
        if let Some(held) = self.per_address.get_mut(&address) {
            *held -= 1;
            if *held == 0 {
                self.per_address.remove(&address);
            }
        }
    }
}

impl Slot {
    fn phase(&self) -> Phase {
        phase_of(self.word.load(Ordering::SeqCst))
    }

    /// Evicts it, unless a request is in progress.
    fn close(&self) -> bool {
        let evicted = self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
            matches!(phase_of(word), Phase::Idle | Phase::Head | Phase::Body).then_some(Phase::Closed as u64)
        });
        if evicted.is_ok() {
            self.shut();
        }
        evicted.is_ok()
    }

    fn shut(&self) {
        if let Some(stream) = &self.stream {
            // It fails where the peer was faster; then there is nothing left to shut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl ConnectionGuard {
    /// `false`: the connection was evicted.
    pub(crate) fn enter(&self, phase: Phase) -> bool {
        let next = self.registry.word(phase);
        let entered = self
            .word
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| (phase_of(word) != Phase::Closed).then_some(next));
        entered.is_ok()
    }

    /// Gives the socket out of our hands; it is still counted until the guard is dropped.
    pub(crate) fn hand_over(&self) -> bool {
        if !self.enter(Phase::Upgraded) {
            return false;
        }
        if let Some(slot) = self.registry.lock().slots.get_mut(&self.id) {
            slot.stream = None;
        }
        true
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        HTTP_CONNECTIONS.add(-1);
        self.registry.lock().remove(self.id);
        self.registry.gone.notify_all();
    }
}

fn phase_of(word: u64) -> Phase {
    const PHASES: [Phase; 8] = [
        Phase::Idle,
        Phase::Head,
        Phase::Body,
        Phase::Busy,
        Phase::Upgraded,
        Phase::Closed,
        Phase::Closed,
        Phase::Closed,
    ];
    PHASES[(word & 7) as usize]
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    fn registry(total: usize, per_address: usize) -> Arc<Registry> {
        Arc::new(Registry::new(Caps { total, per_address }))
    }

    fn stream() -> Arc<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        Arc::new(TcpStream::connect(listener.local_addr().expect("address")).expect("connect"))
    }

    #[test]
    fn the_oldest_idle_one_makes_room() {
        let registry = registry(2, 2);
        let first = registry.admit(&stream(), None).expect("room");
        std::thread::sleep(Duration::from_millis(3));
        let second = registry.admit(&stream(), None).expect("room");
        assert!(second.enter(Phase::Body));
        let third = registry.admit(&stream(), None).expect("the idle one goes");
        assert!(!first.enter(Phase::Busy), "it was evicted");
        assert!(third.enter(Phase::Busy));
        let fourth = registry.admit(&stream(), None).expect("the one with a body goes");
        assert!(!second.enter(Phase::Busy) && fourth.enter(Phase::Upgraded));
        assert!(registry.admit(&stream(), None).is_none(), "all are at work");
        drop((first, second));
        assert!(registry.admit(&stream(), None).is_none(), "a place is freed only once");
        drop(third);
        assert!(registry.admit(&stream(), None).is_some());
    }

    #[test]
    fn an_address_has_its_share() {
        let registry = registry(10, 1);
        let address = Some(IpAddr::from([203, 0, 113, 9]));
        let first = registry.admit(&stream(), address).expect("room");
        assert!(first.enter(Phase::Busy));
        assert!(registry.admit(&stream(), address).is_none());
        assert!(registry.admit(&stream(), Some(IpAddr::from([203, 0, 113, 8]))).is_some());
        assert!(registry.admit(&stream(), None).is_some());
        assert!(first.enter(Phase::Idle));
        assert!(registry.admit(&stream(), address).is_some());
        assert!(registry.lock().per_address.is_empty(), "none is left");
    }

    #[test]
    fn a_stop_waits_for_those_at_work() {
        let registry = registry(10, 10);
        let idle = registry.admit(&stream(), None).expect("room");
        let busy = registry.admit(&stream(), None).expect("room");
        assert!(busy.enter(Phase::Busy));
        registry.close_idle();
        assert!(!idle.enter(Phase::Busy) && busy.enter(Phase::Busy));
        drop(idle);
        assert!(!registry.wait_empty(Instant::now() + Duration::from_millis(20)));
        drop(busy);
        assert!(registry.wait_empty(Instant::now() + Duration::from_secs(5)));
    }
}
