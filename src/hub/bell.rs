//! How a ring wakes the writers of the connections that follow it. It stands between rings and outboxes, so that
//! neither has to know how the other one works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;

/// One connection's.
#[derive(Default)]
pub(super) struct Bell {
    /// There is news. Set before the writer is woken, so that a busy writer costs a publisher no lock.
    has_news: AtomicBool,
    is_closed: AtomicBool,
    waiting: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    /// Wakes the writer. False when the connection is ending and needs no more news.
    pub(super) fn ring(&self) -> bool {
        if !self.has_news.swap(true, Ordering::SeqCst) {
            let _waiting = lock(&self.waiting); // the writer is not between its check and its wait
            self.rung.notify_one();
        }
        !self.is_closed.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.ring();
    }

    /// For the writer, before it looks: what is rung after this ends its next wait.
    pub(super) fn clear(&self) {
        self.has_news.swap(false, Ordering::SeqCst); // a swap, to see what was written before it became true
    }

    /// For the writer: returns when there is news, or the time is over.
    pub(super) fn wait(&self, timeout: Duration) {
        let waiting = lock(&self.waiting);
        if !self.has_news.load(Ordering::SeqCst) {
            drop(self.rung.wait_timeout(waiting, timeout).unwrap_or_else(PoisonError::into_inner));
        }
    }
}
