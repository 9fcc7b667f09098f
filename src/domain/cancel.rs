//! Ending what a thread waits for, from another thread: an upstream's connection, a tool's call, a child process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A handle on the waiting of one turn, or of one call. Clones share it; once cancelled it stays so.
///
/// It is a list of closers: each ends one thing that is waited for. A closer must return at once.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Written only while `closers` is locked, so that no closer slips in behind a cancel; read without.
    cancelled: AtomicBool,
    closers: Mutex<Closers>,
    woken: Condvar,
}

type Closer = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Closers {
    next: u64,
    open: Vec<(u64, Closer)>,
}

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs every closer, and wakes the threads that sleep.
    pub fn cancel(&self) {
        let mut closers = self.lock();
        self.0.cancelled.store(true, Ordering::SeqCst);
        let open = std::mem::take(&mut closers.open);
        drop(closers);
        self.0.woken.notify_all();
        open.into_iter().for_each(|(_, close)| close());
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Makes a cancel call `close`, as long as the guard lives. `None`: it is too late for that.
    pub fn hold(&self, close: impl FnOnce() + Send + 'static) -> Option<Held> {
        let mut closers = self.lock();
        if self.is_cancelled() {
            return None;
        }
        let number = closers.next;
        closers.next += 1;
        closers.open.push((number, Box::new(close)));
        Some(Held { cancel: self.clone(), number })
    }

    /// Waits, but not longer than until a cancel. Says whether there was one.
    pub fn sleep(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        let mut closers = self.lock();
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            closers = self.0.woken.wait_timeout(closers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Closers> {
        self.0.closers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// As long as it lives, a cancel runs its closer.
pub struct Held {
    cancel: Cancel,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut closers = self.cancel.lock();
        let place = closers.open.iter().position(|(number, _)| *number == self.number);
        let closer = place.map(|place| closers.open.swap_remove(place));
        drop(closers); // what the closer owns may be dropped with it
        drop(closer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
    fn a_cancel_runs_the_closers_that_are_held() {
        let cancel = Cancel::new();
        let (sender, closed) = mpsc::channel();
        let hold = |what: &'static str| {
            let sender = sender.clone();
            cancel.hold(move || sender.send(what).expect("is received"))
        };
        let (first, _second, _third) = (hold("first"), hold("second"), hold("third"));
        drop(first);
        cancel.cancel();
        cancel.cancel();
        let mut closed: Vec<_> = closed.try_iter().collect();
        closed.sort_unstable();
        assert_eq!(closed, ["second", "third"], "once each, and not where the guard was dropped");
        assert!(hold("late").is_none());
    }
}
