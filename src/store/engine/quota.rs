//! The most that each person may store; the tables ask for it in the transactions that store something.

use std::sync::atomic::{AtomicU64, Ordering};

/// In bytes; 0: no limit.
#[derive(Debug, Default)]
pub struct Quota(AtomicU64);

impl Quota {
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}
