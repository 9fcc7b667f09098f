//! How much processor time the requests of one person may take. Who asks for more waits, and then is refused for a
//! while: pages that have to be rendered cost a thousand times what they cost to ask for, and others are asking too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::id::ContainerId;
use crate::domain::user::Caller;
use crate::domain::{Error, Kind, Result};

/// Over time, this part of one processor.
const PART: u32 = 4;
/// What may be used at once, of processor time: the pages of a hundred long conversations.
const BURST: Duration = Duration::from_secs(5);
/// How long a request waits before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);
/// People that are remembered before those are dropped who have paid for everything.
const REMEMBERED: usize = 1024;

#[derive(Default)]
pub struct CpuBudgets {
    /// Of each person, when everything used is paid for.
    paid_at: Mutex<HashMap<ContainerId, Instant>>,
}

/// Processor time of this thread, to be charged to someone.
pub struct Stopwatch(Duration);

impl Stopwatch {
    pub fn start() -> Self {
        Self(used_by_this_thread())
    }

    fn used(&self) -> Duration {
        used_by_this_thread().saturating_sub(self.0)
    }
}

impl CpuBudgets {
    /// Waits a little where the person has used up their budget.
    ///
    /// Errors: `RateLimited` where it would be long.
    pub fn wait(&self, caller: &Caller) -> Result<()> {
        let wait = self.debt(&caller.user.container_id, Instant::now());
        thread::sleep(wait.min(PATIENCE));
        if wait <= PATIENCE {
            return Ok(());
        }
        let message = "Your requests take too much of the server's time";
        Err(Error::new(Kind::RateLimited, "rate_limited", message).retry_after(wait))
    }

    /// Charges what this thread has used since then.
    pub fn charge(&self, caller: &Caller, since: &Stopwatch) {
        self.add(&caller.user.container_id, since.used(), Instant::now());
    }

    /// In the middle of long work: charges what was used since then, and waits until it is paid for, at most a moment.
    pub fn pace(&self, caller: &Caller, since: &mut Stopwatch) {
        self.charge(caller, since);
        *since = Stopwatch::start();
        thread::sleep(self.debt(&caller.user.container_id, Instant::now()).min(PATIENCE));
    }

    /// Work for a person: waited for and charged.
    ///
    /// Errors: `RateLimited`.
    pub fn within<T>(&self, caller: &Caller, work: impl FnOnce() -> T) -> Result<T> {
        self.wait(caller)?;
        let began = Stopwatch::start();
        let outcome = work();
        self.charge(caller, &began);
        Ok(outcome)
    }

    fn debt(&self, owner: &ContainerId, now: Instant) -> Duration {
        let people = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let left = people.get(owner).map_or(Duration::ZERO, |paid_at| paid_at.saturating_duration_since(now));
        left.saturating_sub(BURST * PART)
    }

    fn add(&self, owner: &ContainerId, used: Duration, now: Instant) {
        let mut people = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= REMEMBERED {
            people.retain(|_, paid_at| *paid_at > now);
        }
        let paid_at = people.entry(owner.clone()).or_insert(now);
        *paid_at = (*paid_at).max(now) + used * PART;
    }
}

fn used_by_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_quarter_of_a_processor() {
        let (budgets, start) = (CpuBudgets::default(), Instant::now());
        let (ann, bob) = (ContainerId::random(), ContainerId::random());
        let second = Duration::from_secs(1);
        (0..5).for_each(|_| budgets.add(&ann, second, start));
        assert_eq!(budgets.debt(&ann, start), Duration::ZERO);
        budgets.add(&ann, second, start);
        assert_eq!(budgets.debt(&ann, start), 4 * second);
        assert_eq!(budgets.debt(&bob, start), Duration::ZERO, "each person has their own");
        assert_eq!(budgets.debt(&ann, start + 4 * second), Duration::ZERO);
        assert_eq!(budgets.debt(&ann, start + 40 * second), Duration::ZERO);
        budgets.add(&ann, 5 * second, start + 40 * second);
        assert_eq!(budgets.debt(&ann, start + 40 * second), Duration::ZERO, "all is paid for, and no more");
        for _ in 0..2000 {
            budgets.add(&ContainerId::random(), second, start);
        }
        budgets.add(&ann, second, start + 100 * second);
        assert!(budgets.paid_at.lock().expect("locks").len() <= REMEMBERED, "who has paid is forgotten");
    }

    #[test]
    fn only_work_counts() {
        let watch = Stopwatch::start();
        thread::sleep(Duration::from_millis(30));
        assert!(watch.used() < Duration::from_millis(20), "{:?}", watch.used());
        let began = Instant::now();
        while watch.used() < Duration::from_millis(25) {
            assert!(began.elapsed() < Duration::from_secs(20), "it never counts");
        }
    }
}
