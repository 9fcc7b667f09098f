//! What ordinary people may do in a while, and while the disk has room: one person's flood is not everyone's problem.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::id::ContainerId;
use crate::domain::user::{Caller, Role};
use crate::domain::{Code, Error, Kind, Result};
use crate::store::Store;

/// Below this much free disk, in bytes and as a part of the whole (the larger counts), ordinary people's writes are
/// refused.
const DISK_FLOOR_BYTES: u64 = 256 * 1024 * 1024;
const DISK_FLOOR_PART: u64 = 20;
/// People that are remembered before those are dropped whose allowance is whole again.
const REMEMBERED: usize = 1024;

/// So many in a window, at once or spread over it.
pub(super) struct Rate {
    most: u32,
    window: Duration,
    /// Of each person, when everything used has been given back.
    whole_at: Mutex<HashMap<ContainerId, Instant>>,
}

impl Rate {
    /// 0: no limit.
    pub(super) fn new(most: u32, window: Duration) -> Self {
        Self { most, window, whole_at: Mutex::default() }
    }

    /// Takes one. `Err` says when there will be one again.
    pub(super) fn take(&self, owner: &ContainerId, now: Instant) -> Result<(), Duration> {
        if self.most == 0 {
            return Ok(());
        }
        let mut people = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= REMEMBERED {
            people.retain(|_, whole_at| *whole_at > now);
        }
        let from = people.get(owner).map_or(now, |whole_at| now.max(*whole_at));
        let whole_at = from + self.window / self.most;
        match (whole_at - now).checked_sub(self.window) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                people.insert(owner.clone(), whole_at);
                Ok(())
            }
        }
    }

    /// Errors: `RateLimited`, with that code and message.
    pub(super) fn check(&self, caller: &Caller, code: &'static str, message: &'static str) -> Result<()> {
        let taken = self.take(&caller.user.container_id, Instant::now());
        taken.map_err(|wait| Error::new(Kind::RateLimited, code, message).retry_after(wait))
    }
}

/// Errors: `Unavailable` when the disk is almost full and the caller is not an administrator.
pub(super) fn check_disk(store: &Store, caller: &Caller) -> Result<()> {
    let Ok((free, size)) = store.disk() else { return Ok(()) };
    if free >= DISK_FLOOR_BYTES.max(size / DISK_FLOOR_PART) || caller.user.role == Role::Admin {
        return Ok(());
    }
    Err(Error::unavailable("disk_low", "The server's disk is almost full: nothing new can be stored")
        .hint("Delete what you no longer need, or ask the administrator to make room"))
}

/// Errors: `TooLarge` when a person has stored as much as they may; a database that cannot be asked is no reason to stop.
pub(super) fn check_storage(store: &Store, owner: &ContainerId) -> Result<()> {
    match store.check_room(owner, 0) {
        Err(error) if error.code == Code::QUOTA_EXCEEDED => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_as_they_come_back() {
        let rate = Rate::new(3, Duration::from_secs(60));
        let (start, ann, bob) = (Instant::now(), ContainerId::random(), ContainerId::random());
        let take = |owner: &ContainerId, second: u64| rate.take(owner, start + Duration::from_secs(second));
        assert_eq!([0, 0, 0].map(|second| take(&ann, second).is_ok()), [true; 3]);
        assert_eq!(take(&ann, 0), Err(Duration::from_secs(20)));
        assert_eq!(take(&bob, 0), Ok(()), "each person has their own");
        assert_eq!([20, 20, 60, 60].map(|second| take(&ann, second).is_ok()), [true, false, true, true]);
        let unlimited = Rate::new(0, Duration::from_secs(60));
        assert!((0..100).all(|_| unlimited.take(&ann, start).is_ok()));
    }
}
