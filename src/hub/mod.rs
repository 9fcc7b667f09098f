//! Events in memory: one ring per active session, followed by any number of connections.
//!
//! Nothing here is stored. A session's count of events (`seq`) must survive its ring, so the publisher keeps the
//! highest one in the database and gives it back with [`Hub::open`]. Publishing never waits for a reader.
//!
//! `ring` and `outbox` meet in `bell`. Locks, in this order: the map of rings, one ring, one outbox, one bell. None of
//! them is held while waiting for another thread's work.

mod bell;
mod budget;
mod connections;
mod outbox;
mod ring;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

pub use connections::{CloseReason, Connected, SocketLimits};
pub use outbox::{Closed, Next, Outbox, Outgoing, SUBSCRIPTIONS};

use crate::domain::event::{Context, EventKind};
use crate::domain::id::{SessionId, UserId};
use crate::domain::limits::REPLAY_BYTES;
use crate::domain::user::Login;
use crate::domain::{Error, Result};
use connections::Registry;
use ring::{Ring, Room, Start};

/// What all rings together may hold, in bytes: 80 KiB for each of a hundred, some seconds of a fast answer.
const RINGS_BYTES: isize = 8 * 1024 * 1024;
/// What a ring may hold in any case, however many there are, in bytes.
const RING_FLOOR_BYTES: usize = 32 * 1024;
/// A ring without a running turn is dropped after this time without an event.
const RING_IDLE: Duration = Duration::from_secs(600);
/// How often rings are looked through: for idle ones, and for the oldest when they hold too much.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SHED_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Hub {
    rings: RwLock<HashMap<SessionId, Arc<Ring>>>,
    /// Of all rings together. Signed, because a ring's change is counted a moment after it was made.
    bytes: AtomicIsize,
    swept: Mutex<Option<Instant>>,
    shed: Mutex<Option<Instant>>,
    connections: Arc<Registry>,
}

/// How a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    pub latest_seq: u64,
    /// What was missed is no longer held: reload, and go on with what comes after `latest_seq`.
    pub resync: bool,
    /// While a turn runs, and as far as it is held: subscribing after this seq shows the turn from its first event.
    pub turn_seq: Option<u64>,
}

impl Hub {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes sure that the session has a ring, before its turn publishes. The first event of a new ring gets
    /// `base + 1`. The ring stays until [`Hub::done`] or the turn's end, and 10 minutes longer.
    pub fn open(&self, session: &SessionId, base: u64) {
        self.sweep_now_and_then();
        // Marked while the map is locked, so that no sweep drops the ring in between.
        if let Some(ring) = self.read().get(session) {
            self.shrink(ring.begin(base));
            return;
        }
        let mut rings = self.write();
        self.shrink(rings.entry(session.clone()).or_insert_with(|| Arc::new(Ring::new(base))).begin(base));
    }

    /// No turn of this session runs or waits any more.
    pub fn done(&self, session: &SessionId) {
        if let Some(ring) = self.read().get(session) {
            ring.end();
        }
    }

    /// Gives the event its number and its time, and wakes the connections that follow the session. Never waits for
    /// them. Returns the seq; 0, and nothing is published, when the session has no ring: it was deleted.
    pub fn publish(&self, context: &Arc<Context>, kind: EventKind) -> u64 {
        let seq = {
            let rings = self.read();
            let Some(ring) = rings.get(&context.session_id) else { return 0 };
            let (seq, grown) = ring.publish(context, kind, self.room(rings.len()));
            self.bytes.fetch_add(grown, Ordering::Relaxed);
            seq
        };
        if self.is_pressed() {
            self.shed();
        }
        seq
    }

    /// Publishes what is no part of a turn. `base` is the newest seq as it is stored, for when no ring is held.
    pub fn announce(&self, context: &Arc<Context>, base: u64, kind: EventKind) -> u64 {
        if self.read().get(&context.session_id).is_none() {
            self.write().entry(context.session_id.clone()).or_insert_with(|| Arc::new(Ring::new(base)));
        }
        self.publish(context, kind)
    }

    /// The seq of the newest event, if a ring is held.
    pub fn latest(&self, session: &SessionId) -> Option<u64> {
        self.read().get(session).map(|ring| ring.latest())
    }

    /// The seq of the newest event that is more than a piece of what is being written, if a ring is held.
    pub fn last_complete_seq(&self, session: &SessionId) -> Option<u64> {
        self.read().get(session).map(|ring| ring.last_complete_seq())
    }

    /// Follows a session: queues the reply, then what came after seq `after`, then what comes. `base` is the newest
    /// seq as it is stored, for when no ring is held. Following again starts anew. Waits like [`Outbox::push`].
    ///
    /// Errors: `Conflict` when the connection follows too many. Nothing is queued then.
    pub fn subscribe(
        &self,
        outbox: &Arc<Outbox>,
        session: &SessionId,
        base: u64,
        after: Option<u64>,
        reply: impl FnOnce(Subscribed) -> String,
    ) -> Result<()> {
        if !outbox.has_room_for(session) {
            let message = format!("A connection can follow {SUBSCRIPTIONS} conversations at most");
            return Err(Error::conflict("too_many_subscriptions", message));
        }
        let (ring, start) = self.join(outbox, session, base, after);
        let Start { position, latest, resync, turn_start } = start;
        let reply = reply(Subscribed { latest_seq: latest, resync, turn_seq: turn_start });
        // A connection that closed meanwhile needs no reply.
        let _ = outbox.follow(reply, session.clone(), ring, position);
        Ok(())
    }

    /// Stops following; after this, nothing of the session is handed out any more.
    pub fn unsubscribe(&self, outbox: &Outbox, session: &SessionId) {
        if let Some(ring) = outbox.unfollow(session) {
            ring.leave(outbox.bell());
        }
    }

    /// A deleted session: its events are gone, and nothing of it is handed out after this returned.
    pub fn forget(&self, session: &SessionId) {
        let removed = self.write().remove(session);
        if let Some(ring) = removed {
            self.shrink(ring.forget());
        }
    }

    /// Drops what is too old. Called when turns begin; may be called at any time.
    pub fn sweep(&self) {
        self.sweep_at(Instant::now());
    }

    /// Changes how many connections there may be from now on.
    pub fn limit_sockets(&self, change: impl FnOnce(&mut SocketLimits)) {
        self.connections.limit(change);
    }

    /// Registers a connection until the guard is dropped. Past a limit, the person's oldest ends for it, or the oldest of
    /// the person with the most. `address`: where connections of its address are counted.
    ///
    /// Errors: `RateLimited` when everyone has one and there is no room; `Unavailable` when the server stops.
    pub fn connect(
        &self,
        user: UserId,
        login: Login,
        address: Option<IpAddr>,
        outbox: Arc<Outbox>,
    ) -> Result<Connected> {
        self.connections.connect(user, login, address, outbox)
    }

    /// Tells a person's connections that follow their list of conversations what has changed in it, but for the one that
    /// knows. The frame is only made where there is one.
    pub fn tell(&self, user: &UserId, except: &Arc<Outbox>, frame: impl FnOnce() -> Option<String>) {
        let followers = self.connections.list_followers(user, Some(except));
        if followers.is_empty() {
            return;
        }
        let Some(frame) = frame() else { return };
        followers.iter().for_each(|outbox| outbox.offer(Outgoing::Text(frame.clone())));
    }

    /// Tells all of them that much has changed.
    pub fn tell_of_many(&self, user: &UserId) {
        let followers = self.connections.list_followers(user, None);
        followers.iter().for_each(|outbox| outbox.offer(Outgoing::ListChanged));
    }

    pub fn close_user(&self, user: &UserId, reason: CloseReason) {
        self.connections.close_user(user, reason);
    }

    pub fn close_login(&self, login: &Login) {
        self.connections.close_login(login, CloseReason::LoggedOut);
    }

    /// Closes all of a person's connections but those of this login.
    pub fn close_other_logins(&self, user: &UserId, but: &Login) {
        self.connections.close_other_logins(user, but, CloseReason::LoggedOut);
    }

    /// Ends every connection with 1001, and refuses new ones from now on.
    pub fn close_all(&self) {
        self.connections.close_all(CloseReason::ServerStopping);
    }

    /// Waits until every connection has ended. False when some have not by `deadline`.
    pub fn wait_closed(&self, deadline: Instant) -> bool {
        self.connections.wait_until_empty(deadline)
    }

    /// Who is connected, each with the connection's number.
    pub fn connected(&self) -> Vec<(UserId, Login, u64)> {
        self.connections.list()
    }

    pub fn connected_count(&self) -> usize {
        self.connections.count()
    }

    /// The map stays locked until the subscriber is on the ring, so that no sweep drops the ring in between.
    fn join(&self, outbox: &Arc<Outbox>, session: &SessionId, base: u64, after: Option<u64>) -> (Arc<Ring>, Start) {
        if let Some(ring) = self.read().get(session) {
            return (Arc::clone(ring), ring.join(outbox.bell(), after));
        }
        let mut rings = self.write();
        let ring = rings.entry(session.clone()).or_insert_with(|| Arc::new(Ring::new(base)));
        (Arc::clone(ring), ring.join(outbox.bell(), after))
    }

    fn is_pressed(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > RINGS_BYTES
    }

    /// The more rings there are, the less each may hold once they hold too much together.
    fn room(&self, rings: usize) -> Room {
        let pressed = self.is_pressed();
        let share = (RINGS_BYTES.unsigned_abs() / rings.max(1)).clamp(RING_FLOOR_BYTES, REPLAY_BYTES);
        Room { bytes: if pressed { share } else { REPLAY_BYTES }, pressed }
    }

    fn shrink(&self, by: usize) {
        self.bytes.fetch_sub(ring::signed(by), Ordering::Relaxed);
    }

    /// Empties rings without a turn, the longest idle first, until all together hold what they may. They keep their
    /// count: their followers lose nothing but the past.
    fn shed(&self) {
        if !is_due(&self.shed, SHED_EVERY) {
            return;
        }
        let rings = self.read();
        let mut idle: Vec<_> = rings.values().filter_map(|ring| Some((ring.idle_since()?, ring))).collect();
        idle.sort_by_key(|(since, _)| *since);
        for (_, ring) in idle {
            if !self.is_pressed() {
                return;
            }
            self.shrink(ring.clear_if_idle());
        }
    }

    fn sweep_now_and_then(&self) {
        if is_due(&self.swept, SWEEP_EVERY) {
            self.sweep();
        }
    }

    fn sweep_at(&self, now: Instant) {
        let mut rings = self.write();
        rings.retain(|_, ring| {
            let (freed, needed) = ring.tidy(now, RING_IDLE);
            self.shrink(freed);
            needed
        });
        if rings.capacity() > 2 * rings.len() + 64 {
            rings.shrink_to_fit();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<SessionId, Arc<Ring>>> {
        self.rings.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<SessionId, Arc<Ring>>> {
        self.rings.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True at most once in `every`; never waits for another thread that is asking too.
fn is_due(last: &Mutex<Option<Instant>>, every: Duration) -> bool {
    let Ok(mut last) = last.try_lock() else { return false };
    if last.is_some_and(|at| at.elapsed() < every) {
        return false;
    }
    *last = Some(Instant::now());
    true
}

/// A thread that panicked while it held a lock must not take the others with it: our states are whole between calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
