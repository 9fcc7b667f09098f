//! What a person may have under way at once, of one kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::id::ContainerId;
use crate::domain::{Error, Kind, Result};

/// When it makes sense to ask again: the work of a slot takes seconds to minutes.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Slots {
    per_person: u32,
    /// Of all people together.
    total: u32,
    taken: Mutex<HashMap<ContainerId, u32>>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    pub(super) owner: ContainerId,
}

impl Slots {
    pub(super) fn new(per_person: u32, total: u32) -> Arc<Self> {
        Arc::new(Self { per_person, total, taken: Mutex::default() })
    }

    /// Errors: `RateLimited`, with that code and message.
    pub(super) fn take(
        self: &Arc<Self>,
        owner: &ContainerId,
        code: &'static str,
        message: &'static str,
    ) -> Result<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all: u32 = taken.values().sum();
        let own = taken.get(owner).copied().unwrap_or(0);
        if own >= self.per_person || in_all >= self.total {
            return Err(Error::new(Kind::RateLimited, code, message).retry_after(AGAIN_AFTER));
        }
        taken.insert(owner.clone(), own + 1);
        Ok(Slot { slots: self.clone(), owner: owner.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_has_so_many_and_all_together_too() {
        let slots = Slots::new(2, 3);
        let (ann, bob) = (ContainerId::random(), ContainerId::random());
        let take = |owner| slots.take(owner, "busy", "Busy").map_err(|error| error.code.as_str());
        let (first, _second) = (take(&ann).unwrap(), take(&ann).unwrap());
        assert_eq!(take(&ann).unwrap_err(), "busy");
        let _third = take(&bob).unwrap();
        assert_eq!(take(&bob).unwrap_err(), "busy", "all are taken");
        drop(first);
        assert!(take(&ann).is_ok());
    }
}
