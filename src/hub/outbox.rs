//! What one connection still has to be sent: frames that wait in a bounded queue, and positions on the rings it follows.
//!
//! One thread writes: it calls [`Outbox::next`]. Any other may push, wake or close.
//!
//! The order that matters is *cause before effect*: the answer to a request goes out before the events that it led to.
//! So `next` looks at the rings first and at the queue after that, and puts what it found in the queue in front: an
//! answer was queued before its event was published, hence who has seen the event finds the answer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::CloseReason;
use super::bell::Bell;
use super::budget::Share;
use super::lock;
use super::ring::{Read, Ring};
use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::domain::limits::{OUTBOX_BYTES, OUTBOX_PATIENCE};

/// Sessions that one connection may follow.
pub const SUBSCRIPTIONS: usize = 64;
/// Control frames that may wait; more are dropped, as a peer that floods us with pings needs no answer to each.
const CONTROL_FRAMES: usize = 16;
/// Frames behind which a message that was not asked for is still queued.
const OFFERED_BEHIND: usize = 64;
/// What is handed to the writer at once, in bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// How often a producer looks whether another socket of its person has made room.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub struct Outbox {
    state: Mutex<OutboxState>,
    /// The writer waits here. Rung by the rings too.
    bell: Arc<Bell>,
    /// Producers wait here.
    drained: Condvar,
    patience: Duration,
    /// Set when the connection is registered.
    share: OnceLock<Share>,
    /// It hears of changes in its person's list of conversations.
    follows_list: AtomicBool,
}

#[derive(Default)]
struct OutboxState {
    queue: VecDeque<Outgoing>,
    /// Of the text in the queue, and of what the writer has in hand.
    bytes: usize,
    /// What was handed to the writer last: it is sent when the writer asks for more.
    in_hand: usize,
    controls: usize,
    cursors: Vec<Cursor>,
    /// Numbers the cursors, so that one which was replaced meanwhile is not taken for its successor.
    made: u64,
    closing: Option<CloseReason>,
}

struct Cursor {
    number: u64,
    session: SessionId,
    ring: Arc<Ring>,
    position: u64,
}

/// Something to be sent.
#[derive(Debug)]
pub enum Outgoing {
    /// A message, ready to be framed.
    Text(String),
    /// A whole frame, to be sent as it is.
    Control(Vec<u8>),
    /// An event, to be written in the connection's own format.
    Event(Arc<Event>),
    /// Much of the person's list of conversations is new: it has to be read again.
    ListChanged,
}

#[derive(Debug)]
pub enum Next {
    Frames(Vec<Outgoing>),
    /// Nothing came in the time given.
    Idle,
    /// Everything that was to be sent has been handed out; say goodbye and end.
    Closed(CloseReason),
}

/// The outbox takes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Drop for Outbox {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let left = state.bytes;
        self.release(&mut state, left);
    }
}

impl Outbox {
    pub fn new() -> Arc<Self> {
        Self::with_patience(OUTBOX_PATIENCE)
    }

    /// For tests, which have less of it.
    pub(super) fn with_patience(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            bell: Arc::default(),
            drained: Condvar::new(),
            patience,
            share: OnceLock::new(),
            follows_list: AtomicBool::new(false),
        })
    }

    /// Queues a message. Waits for room up to [`OUTBOX_PATIENCE`], in this queue and in what the person and the server
    /// may have unsent; then the connection is given up. A message that is larger than the queue is taken when nothing
    /// else waits or is being sent.
    pub fn push(&self, text: String) -> Result<(), Closed> {
        self.push_under(text).map(drop)
    }

    /// Counts bytes of a message that is not whole yet, like those that wait to be sent. False: there is no room.
    pub fn hold(&self, bytes: usize) -> bool {
        self.share().is_none_or(|share| share.take(bytes))
    }

    /// Gives back what [`Outbox::hold`] took.
    pub fn let_go(&self, bytes: usize) {
        if let Some(share) = self.share() {
            share.give_back(bytes);
        }
    }

    pub fn follow_list(&self) {
        self.follows_list.store(true, Ordering::Relaxed);
    }

    pub(super) fn follows_list(&self) -> bool {
        self.follows_list.load(Ordering::Relaxed)
    }

    /// Queues a message unless too much waits, and never waits itself: what it says can be asked for.
    pub(super) fn offer(&self, frame: Outgoing) {
        let mut state = lock(&self.state);
        let fits = state.closing.is_none() && state.queue.len() < OFFERED_BEHIND;
        let bytes = if let Outgoing::Text(text) = &frame { text.len() } else { 0 };
        if fits && self.share().is_none_or(|share| share.take(bytes)) {
            state.bytes += bytes;
            state.queue.push_back(frame);
            self.bell.ring();
        }
    }

    /// Queues a control frame, and never waits.
    pub fn push_control(&self, frame: Vec<u8>) {
        let mut state = lock(&self.state);
        if state.closing.is_none() && state.controls < CONTROL_FRAMES {
            state.controls += 1;
            state.queue.push_back(Outgoing::Control(frame));
            self.bell.ring();
        }
    }

    /// Ends the connection: what is queued still goes out, unless the peer does not read it anyway; events do not.
    /// The first reason stands.
    pub fn close(&self, reason: CloseReason) {
        self.close_locked(&mut lock(&self.state), reason);
    }

    pub fn closing(&self) -> Option<CloseReason> {
        lock(&self.state).closing
    }

    /// What is to be sent next. For the writer only.
    pub fn next(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        loop {
            self.bell.clear();
            let found = self.look_at_rings();
            let mut state = lock(&self.state);
            let sent = std::mem::take(&mut state.in_hand);
            self.release(&mut state, sent);
            let frames = self.take(&mut state, found);
            if !frames.is_empty() {
                return Next::Frames(frames);
            }
            if let Some(reason) = state.closing {
                return Next::Closed(reason);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Idle;
            }
            drop(state);
            self.bell.wait(left);
        }
    }

    pub(super) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Whether one more session may be followed.
    pub(super) fn has_room_for(&self, session: &SessionId) -> bool {
        let state = lock(&self.state);
        let counts = |cursor: &&Cursor| cursor.session != *session && !cursor.ring.is_gone();
        state.cursors.iter().filter(counts).count() < SUBSCRIPTIONS
    }

    /// Queues `reply`; after it, everything on `ring` after `position`. A cursor on the same session is replaced.
    pub(super) fn follow(
        &self,
        reply: String,
        session: SessionId,
        ring: Arc<Ring>,
        position: u64,
    ) -> Result<(), Closed> {
        let mut state = self.push_under(reply)?;
        state.made += 1;
        let number = state.made;
        state.cursors.retain(|cursor| cursor.session != session);
        state.cursors.push(Cursor { number, session, ring, position });
        Ok(())
    }

    /// Stops following. Nothing of that session is handed out after this returned.
    pub(super) fn unfollow(&self, session: &SessionId) -> Option<Arc<Ring>> {
        let mut state = lock(&self.state);
        let index = state.cursors.iter().position(|cursor| cursor.session == *session)?;
        Some(state.cursors.swap_remove(index).ring)
    }

    /// How far the first cursor is, for tests.
    #[cfg(test)]
    pub(super) fn position(&self) -> u64 {
        lock(&self.state).cursors.first().map_or(0, |cursor| cursor.position)
    }

    fn push_under(&self, text: String) -> Result<MutexGuard<'_, OutboxState>, Closed> {
        let deadline = Instant::now() + self.patience;
        let mut state = lock(&self.state);
        loop {
            if state.closing.is_some() {
                return Err(Closed);
            }
            let fits = state.bytes == 0 || state.bytes + text.len() <= OUTBOX_BYTES;
            if fits && self.share().is_none_or(|share| share.take(text.len())) {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.close_locked(&mut state, CloseReason::TooSlow);
                return Err(Closed);
            }
            let left = left.min(LOOK_EVERY);
            state = self.drained.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.bytes += text.len();
        state.queue.push_back(Outgoing::Text(text));
        self.bell.ring();
        Ok(state)
    }

    fn close_locked(&self, state: &mut OutboxState, reason: CloseReason) {
        if state.closing.is_some() {
            return;
        }
        state.closing = Some(reason);
        state.cursors = Vec::new();
        if reason == CloseReason::TooSlow {
            state.queue = VecDeque::new();
            let dropped = state.bytes - state.in_hand;
            self.release(state, dropped);
        }
        self.bell.close();
        self.drained.notify_all();
    }

    pub(super) fn draw_upon(&self, share: Share) {
        let (Ok(()) | Err(_)) = self.share.set(share);
    }

    pub(super) fn share(&self) -> Option<&Share> {
        self.share.get()
    }

    /// Bytes that no longer wait.
    fn release(&self, state: &mut OutboxState, bytes: usize) {
        state.bytes -= bytes;
        if let Some(share) = self.share() {
            share.give_back(bytes);
        }
        if bytes > 0 {
            self.drained.notify_all();
        }
    }

    /// Reads the rings that have news, without holding our lock.
    fn look_at_rings(&self) -> Vec<(u64, Read)> {
        let due: Vec<(u64, Arc<Ring>, u64)> = {
            let mut state = lock(&self.state);
            state.cursors.retain(|cursor| !cursor.ring.is_gone());
            let has_news = |cursor: &&Cursor| cursor.ring.latest() > cursor.position;
            let due = state.cursors.iter().filter(has_news);
            let due = due.map(|cursor| (cursor.number, Arc::clone(&cursor.ring), cursor.position)).collect();
            if !state.cursors.is_empty() {
                state.cursors.rotate_left(1); // each session is first in turn
            }
            due
        };
        let mut budget = BATCH_BYTES;
        let mut found = Vec::with_capacity(due.len());
        for (number, ring, position) in due {
            if budget == 0 {
                break;
            }
            let read = ring.read(position, budget);
            if let Read::Events(events) = &read {
                budget = budget.saturating_sub(events.iter().map(|event| event.weight()).sum());
            }
            found.push((number, read));
        }
        found
    }

    /// What is queued, and behind it what was found on the rings; the latter only when the queue is empty by then.
    fn take(&self, state: &mut OutboxState, found: Vec<(u64, Read)>) -> Vec<Outgoing> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            let Some(frame) = state.queue.pop_front() else { break };
            match &frame {
                Outgoing::Text(text) => bytes += text.len(),
                Outgoing::Control(_) => state.controls -= 1,
                Outgoing::Event(_) | Outgoing::ListChanged => {}
            }
            frames.push(frame);
        }
        state.in_hand = bytes;
        if !state.queue.is_empty() {
            return frames; // what was found on the rings is looked up again
        }
        state.queue = VecDeque::new(); // an idle connection keeps no buffer
        for (number, read) in found {
            // A cursor that was removed or replaced meanwhile has no claim to what was found for it.
            let is_it = |cursor: &&mut Cursor| cursor.number == number && !cursor.ring.is_gone();
            let Some(cursor) = state.cursors.iter_mut().find(is_it) else { continue };
            match read {
                Read::Nothing => {}
                Read::Events(events) => {
                    cursor.position = events.last().map_or(cursor.position, |event| event.seq);
                    frames.extend(events.into_iter().map(Outgoing::Event));
                }
                Read::Behind => self.close_locked(state, CloseReason::TooSlow),
            }
        }
        frames
    }
}
