//! The newest events of one session, and the only place that counts them.
//!
//! A subscriber is a position on the ring, not a queue of its own: a thousand readers cost a thousand numbers, and one
//! that does not read costs nothing. A reader that falls behind the oldest event held has to start again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::lock;
use crate::domain::clock;
use crate::domain::event::{Context, Event, EventKind};
use crate::domain::limits::{REPLAY_BYTES, REPLAY_EVENTS};

/// An event younger than this is kept even past the byte limit, so that one huge event does not throw out readers of
/// normal pace; up to [`HARD_BYTES`].
const GRACE: Duration = Duration::from_secs(2);
const HARD_BYTES: usize = 16 * REPLAY_BYTES;

pub(super) struct Ring {
    state: Mutex<RingState>,
    /// The seq of the newest event. Written under the lock; read without it where only news is asked for.
    latest: AtomicU64,
    /// Its session was deleted: nothing of it is handed out any more.
    is_gone: AtomicBool,
}

struct RingState {
    events: VecDeque<Held>,
    bytes: usize,
    /// A turn runs or waits: this ring is not tidied away.
    running: bool,
    /// The seq before the running turn's first event.
    turn_start: Option<u64>,
    /// The newest event that is more than a piece of what is being written.
    last_complete: u64,
    touched: Instant,
    subscribers: Vec<Weak<Bell>>,
}

struct Held {
    since: Instant,
    event: Arc<Event>,
}

/// What a ring may keep at the moment.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: usize,
    /// All rings together hold too much: no grace for young events.
    pub(super) pressed: bool,
}

/// Where a new subscriber begins.
pub(super) struct Start {
    pub(super) position: u64,
    pub(super) latest: u64,
    pub(super) resync: bool,
    pub(super) turn_start: Option<u64>,
}

pub(super) enum Read {
    Nothing,
    Events(Vec<Arc<Event>>),
    /// What comes next is no longer held.
    Behind,
}

impl Ring {
    /// An empty one, whose first event will be `base + 1`.
    pub(super) fn new(base: u64) -> Self {
        let state = RingState {
            events: VecDeque::new(),
            bytes: 0,
            running: false,
            turn_start: None,
            last_complete: base,
            touched: Instant::now(),
            subscribers: Vec::new(),
        };
        Self { state: Mutex::new(state), latest: AtomicU64::new(base), is_gone: AtomicBool::new(false) }
    }

    pub(super) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    pub(super) fn last_complete_seq(&self) -> u64 {
        lock(&self.state).last_complete
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Adds an event and wakes the subscribers. Returns its seq, and by how many bytes the ring grew (or shrank).
    pub(super) fn publish(&self, context: &Arc<Context>, kind: EventKind, room: Room) -> (u64, isize) {
        let mut state = lock(&self.state);
        let seq = self.latest() + 1;
        state.follow_turn(seq, &kind);
        let event = Event { seq, timestamp: clock::now_ms(), context: Arc::clone(context), kind };
        let before = state.bytes;
        state.push(Arc::new(event), room);
        self.latest.store(seq, Ordering::Release);
        state.subscribers.retain(|subscriber| subscriber.upgrade().is_some_and(|bell| bell.ring()));
        (seq, signed(state.bytes) - signed(before))
    }

    /// Up to `budget` bytes of events after `position`, and at least one where there is one.
    pub(super) fn read(&self, position: u64, budget: usize) -> Read {
        if position >= self.latest() {
            return Read::Nothing;
        }
        let state = lock(&self.state);
        let Some(skip) = state.index_after(position, self.latest()) else { return Read::Behind };
        let mut bytes = 0;
        let mut events = Vec::new();
        for held in state.events.range(skip..) {
            bytes += held.event.weight();
            if bytes > budget && !events.is_empty() {
                break;
            }
            events.push(Arc::clone(&held.event));
        }
        Read::Events(events)
    }

    /// Adds a subscriber that has seen everything up to `after`, or that only wants what comes from now on.
    pub(super) fn join(&self, bell: &Arc<Bell>, after: Option<u64>) -> Start {
        let mut state = lock(&self.state);
        let latest = self.latest();
        let held = |seq: u64| state.index_after(seq, latest).is_some();
        let turn_start = state.turn_start.filter(|&seq| held(seq));
        let (position, resync) = match after {
            None => (latest, false),
            Some(seq) if held(seq) => (seq, false),
            Some(_) => (latest, true),
        };
        if !state.subscribers.iter().any(|known| is(known, bell)) {
            state.subscribers.push(Arc::downgrade(bell));
        }
        Start { position, latest, resync, turn_start }
    }

    pub(super) fn leave(&self, bell: &Arc<Bell>) {
        lock(&self.state).subscribers.retain(|known| !is(known, bell));
    }

    /// A turn is about to run. Returns by how many bytes the ring shrank: it drops what it holds when the caller knows
    /// of a higher seq, because there may be no gap in what is replayed.
    pub(super) fn begin(&self, base: u64) -> usize {
        let mut state = lock(&self.state);
        state.running = true;
        state.touched = Instant::now();
        if base <= self.latest() {
            return 0;
        }
        self.latest.store(base, Ordering::Release);
        state.last_complete = base;
        state.clear()
    }

    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.running = false;
        state.turn_start = None;
    }

    /// Drops what is held when nothing happened for `idle`. Returns the bytes freed, and whether the ring is still
    /// needed for its count.
    pub(super) fn tidy(&self, now: Instant, idle: Duration) -> (usize, bool) {
        let mut state = lock(&self.state);
        state.subscribers.retain(|subscriber| subscriber.strong_count() > 0);
        if state.running || now.saturating_duration_since(state.touched) < idle {
            return (0, true);
        }
        (state.clear(), !state.subscribers.is_empty())
    }

    /// Since when nothing happened, if there is something to drop and no turn runs.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = lock(&self.state);
        (!state.running && state.bytes > 0).then_some(state.touched)
    }

    /// Drops what is held, unless a turn has begun. Returns the bytes freed.
    pub(super) fn clear_if_idle(&self) -> usize {
        let mut state = lock(&self.state);
        if state.running { 0 } else { state.clear() }
    }

    /// The session was deleted. Returns the bytes freed.
    pub(super) fn forget(&self) -> usize {
        self.is_gone.store(true, Ordering::Release);
        lock(&self.state).clear()
    }

    #[cfg(test)]
    pub(super) fn clear(&self) -> usize {
        lock(&self.state).clear()
    }
}

impl RingState {
    /// The turn's own events say whether one runs, so that a forgotten mark cannot cost a session its count.
    fn follow_turn(&mut self, seq: u64, kind: &EventKind) {
        match kind {
            EventKind::ConversationEnd { .. } => {
                self.running = false;
                self.turn_start = None;
            }
            EventKind::MessagePersisted { .. } | EventKind::ConversationStart { .. } => {
                self.running = true;
                self.turn_start.get_or_insert(seq - 1);
            }
            EventKind::BranchSelected { .. } | EventKind::TurnTakenBack => {}
            _ => self.running = true,
        }
        let is_piece = matches!(
            kind,
            EventKind::TextDelta { .. } | EventKind::ThinkingDelta { .. } | EventKind::InputJsonDelta { .. }
        );
        if !is_piece {
            self.last_complete = seq;
        }
    }

    fn push(&mut self, event: Arc<Event>, room: Room) {
        let now = Instant::now();
        self.touched = now;
        self.bytes += event.weight();
        self.events.push_back(Held { since: now, event });
        while self.events.len() > 1 && self.is_too_much(now, room) {
            if let Some(oldest) = self.events.pop_front() {
                self.bytes -= oldest.event.weight();
            }
        }
    }

    fn is_too_much(&self, now: Instant, room: Room) -> bool {
        if self.events.len() > REPLAY_EVENTS || self.bytes > HARD_BYTES {
            return true;
        }
        let is_old = |held: &Held| now.saturating_duration_since(held.since) > GRACE;
        self.bytes > room.bytes && (room.pressed || self.events.front().is_some_and(is_old))
    }

    /// Where the events after `position` begin; `None` when the first of them is gone, or was never there.
    fn index_after(&self, position: u64, latest: u64) -> Option<usize> {
        let missed = usize::try_from(latest.checked_sub(position)?).ok()?;
        self.events.len().checked_sub(missed)
    }

    fn clear(&mut self) -> usize {
        self.events = VecDeque::new();
        std::mem::take(&mut self.bytes)
    }
}

fn is(known: &Weak<Bell>, bell: &Arc<Bell>) -> bool {
    std::ptr::eq(known.as_ptr(), Arc::as_ptr(bell))
}

pub(super) fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}
