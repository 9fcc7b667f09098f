//! Numbers that need a query: rows, files, free space.
//!
//! They are collected at most every few seconds, by a thread of their own, for which a scrape waits only a moment: a
//! database that does not answer costs the scrape its own numbers, and not the rest.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::health;
use super::models::{Registry, Retirement};
use crate::store::{DatabaseFiles, JobRecord, Store};

/// How long collected numbers are good for.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// How long a new one is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 256 * 1024;

/// `None` wherever the answer could not be had.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Active and disabled accounts.
    pub users: Option<(u64, u64)>,
    pub databases: Vec<DatabaseGauges>,
    /// Free bytes for us on the data directory's disk, and its size.
    pub disk: Option<(u64, u64)>,
    pub backup: Option<JobRecord>,
    pub integrity: Option<JobRecord>,
    /// Of models that are configured by name.
    pub retirements: Vec<Retirement>,
}

#[derive(Debug, Clone)]
pub struct DatabaseGauges {
    pub files: DatabaseFiles,
    pub free_bytes: Option<u64>,
}

pub struct Collector {
    store: Arc<Store>,
    models: Arc<Registry>,
    state: Mutex<Latest>,
    done: Condvar,
}

#[derive(Default)]
struct Latest {
    last: Option<(Instant, Arc<Gauges>)>,
    /// Since when a collection is running.
    looking: Option<Instant>,
}

/// The numbers, and whether the databases answer: they do not while a collection waits for them.
pub struct Collected {
    pub gauges: Arc<Gauges>,
    pub answers: bool,
}

impl Collector {
    pub fn new(store: Arc<Store>, models: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self { store, models, state: Mutex::default(), done: Condvar::new() })
    }

    pub fn collect(self: &Arc<Self>) -> Collected {
        let mut state = self.lock();
        let is_fresh = state.last.as_ref().is_some_and(|(at, _)| at.elapsed() < GOOD_FOR);
        if !is_fresh {
            if state.looking.is_none() {
                state.looking = self.start_thread().then(Instant::now);
            }
            let looks = |state: &mut Latest| state.looking.is_some();
            state = self.done.wait_timeout_while(state, PATIENCE, looks).unwrap_or_else(PoisonError::into_inner).0;
        }
        let gauges = state.last.as_ref().map(|(_, gauges)| gauges.clone()).unwrap_or_default();
        let answers = state.looking.is_none()
            && gauges.users.is_some()
            && gauges.databases.iter().all(|d| d.free_bytes.is_some());
        Collected { gauges, answers }
    }

    /// Whether a thread could be had.
    fn start_thread(self: &Arc<Self>) -> bool {
        let collector = self.clone();
        let thread = std::thread::Builder::new().name("gauges".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || collector.look()).is_ok()
    }

    fn look(&self) {
        let gauges = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&self.store, &self.models)));
        let mut state = self.lock();
        state.looking = None;
        if let Ok(gauges) = gauges {
            state.last = Some((Instant::now(), Arc::new(gauges)));
        }
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(store: &Store, models: &Registry) -> Gauges {
    let free = store.free_bytes();
    let databases = store.files().into_iter().zip(free);
    Gauges {
        users: store.count_users().ok(),
        databases: databases.map(|(files, free)| DatabaseGauges { files, free_bytes: free.ok() }).collect(),
        disk: store.disk().ok(),
        backup: store.job(health::BACKUP_JOB).ok().flatten(),
        integrity: store.job(health::INTEGRITY_JOB).ok().flatten(),
        retirements: models.retirements().unwrap_or_default(),
    }
}
