//! Bytes that wait to be sent, counted until the socket has taken them, and of messages that are not whole yet: over all
//! sockets of a person, and of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) struct Budget {
    used: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(super) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most })
    }

    /// False when there is no room. What is larger than all of it is taken when nothing else is held.
    fn take(&self, bytes: usize) -> bool {
        let with = |used: usize| (used == 0 || used.saturating_add(bytes) <= self.most).then(|| used + bytes);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        let without = |used: usize| Some(used.saturating_sub(bytes));
        let (Ok(_) | Err(_)) = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, without);
    }
}

/// A person's first bytes are theirs, however much others hold of the server's.
const OWN_BYTES: usize = 64 * 1024;

/// What a connection draws upon.
#[derive(Clone)]
pub(super) struct Share {
    pub(super) person: Arc<Budget>,
    pub(super) server: Arc<Budget>,
}

impl Share {
    pub(super) fn take(&self, bytes: usize) -> bool {
        if !self.person.take(bytes) {
            return false;
        }
        if self.server.take(bytes) {
            return true;
        }
        if self.person.used.load(Ordering::Relaxed) <= OWN_BYTES {
            self.server.used.fetch_add(bytes, Ordering::Relaxed);
            return true;
        }
        self.person.give_back(bytes);
        false
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.person.give_back(bytes);
        self.server.give_back(bytes);
    }
}
