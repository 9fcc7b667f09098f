//! Ending a wait for a model from another thread: the connection is closed under its reader.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;

/// A handle on one turn's waiting, which asks one question at a time. Clones share it; once cancelled it stays so.
///
/// A connection that is being opened is not interrupted: its timeout (`Timeouts::connect`) bounds it.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Written only while `connection` is locked, so that no connection slips in behind a cancel; read without.
    cancelled: AtomicBool,
    connection: Mutex<Option<Agent>>,
    woken: Condvar,
}

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes the connection in use, if there is one, and wakes a thread that waits for another attempt.
    pub fn cancel(&self) {
        let mut connection = self.lock();
        self.0.cancelled.store(true, Ordering::SeqCst);
        let agent = connection.take();
        drop(connection);
        self.0.woken.notify_all();
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Makes the agent's connections end with a cancel, as long as the guard lives. `None`: it is too late for that.
    pub(super) fn hold(&self, agent: &Agent) -> Option<Held<'_>> {
        let mut connection = self.lock();
        if self.is_cancelled() {
            return None;
        }
        *connection = Some(agent.clone());
        Some(Held(self))
    }

    /// Waits, but not longer than until a cancel. Says whether there was one.
    pub(super) fn sleep(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        let mut connection = self.lock();
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            connection = self.0.woken.wait_timeout(connection, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<Agent>> {
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// As long as it lives, a cancel closes the agent's connections.
pub(super) struct Held<'a>(&'a Cancel);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_ends_a_sleep() {
        let cancel = Cancel::new();
        assert!(!cancel.sleep(Duration::from_millis(1)));
        let other = cancel.clone();
        let sleeper = std::thread::spawn(move || other.sleep(Duration::from_secs(30)));
        cancel.cancel();
        assert!(sleeper.join().expect("the sleeper ends"));
    }

    #[test]
    fn nothing_is_held_after_a_cancel() {
        let cancel = Cancel::new();
        let agent = Agent::new_with_defaults();
        assert!(cancel.hold(&agent).is_some());
        cancel.cancel();
        assert!(cancel.hold(&agent).is_none());
    }
}
