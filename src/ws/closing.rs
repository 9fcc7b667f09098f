//! The end of a connection, for which its reader and its writer wait for each other.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::hub::CloseReason;

/// How long we wait for the other side's goodbye; and where others need the place.
pub(super) const LINGER: Duration = Duration::from_secs(2);
const LINGER_WHEN_FULL: Duration = Duration::from_millis(500);

/// How reader and writer wait for each other at the end, each for [`LINGER`] at most.
#[derive(Default)]
pub(super) struct ClosingHandshake {
    state: Mutex<Finished>,
    changed: Condvar,
}

#[derive(Default)]
struct Finished {
    reading: bool,
    writing: bool,
}

impl ClosingHandshake {
    pub(super) fn wrote_all(&self) {
        self.set(|finished| finished.writing = true);
    }

    pub(super) fn wait_for_reader(&self, reason: Option<CloseReason>) {
        let linger = if reason == Some(CloseReason::TooMany) { LINGER_WHEN_FULL } else { LINGER };
        self.wait(Instant::now() + linger, |finished| finished.reading);
    }

    pub(super) fn read_all(&self) {
        self.set(|finished| finished.reading = true);
    }

    pub(super) fn wait_for_writer(&self, deadline: Instant) {
        self.wait(deadline, |finished| finished.writing);
    }

    fn set(&self, change: impl FnOnce(&mut Finished)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn wait(&self, deadline: Instant, is_finished: impl Fn(&Finished) -> bool) {
        let left = deadline.saturating_duration_since(Instant::now());
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(state, left, |finished| !is_finished(finished)));
    }
}
