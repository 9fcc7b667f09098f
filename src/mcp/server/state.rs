//! How a server is: what runs of it, what is known of it, and why it does not work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Catalog, Key, Server};
use crate::domain::Cancel;
use crate::mcp::client::{Client, Era};

/// Past it a start counts as slow.
const SLOW: Duration = Duration::from_secs(5);
/// After a failed start the next is tried no sooner than this; it doubles up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

#[derive(Default)]
pub(super) struct State {
    pub era: Option<Era>,
    pub title: String,
    pub catalog: Option<Arc<Catalog>>,
    /// Until when the catalog is fresh.
    pub fresh_until: Option<Instant>,
    pub is_listing: bool,
    pub instances: HashMap<Key, Instance>,
    pub failure: Option<Failure>,
    pub failures: u32,
    pub is_closed: bool,
}

pub(super) enum Instance {
    Starting { since: Instant, cancel: Cancel },
    Ready { client: Arc<Client>, used: Instant, calls: usize },
}

#[derive(Clone)]
pub(super) struct Failure {
    pub at: Instant,
    pub message: String,
    pub last_words: Vec<String>,
}

/// How a server is, for administrators.
#[derive(Debug, Clone)]
pub struct Status {
    pub state: &'static str,
    pub era: Option<Era>,
    pub title: String,
    pub catalog: Option<Arc<Catalog>>,
    pub running: usize,
    pub error: Option<String>,
    pub last_words: Vec<String>,
}

impl State {
    pub(super) fn ready(&mut self, client: &Client, catalog: Catalog, age: Duration) {
        self.era = Some(client.era.clone());
        self.title.clone_from(&client.title);
        self.catalog = Some(Arc::new(catalog));
        self.fresh_until = Some(Instant::now() + age);
        self.failure = None;
        self.failures = 0;
    }

    pub(super) fn fail(&mut self, message: String, last_words: Vec<String>) {
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(Failure { at: Instant::now(), message, last_words });
    }

    /// A server that does not start is not started all the time.
    pub(super) fn has_to_wait(&self) -> bool {
        let Some(failure) = self.failure.as_ref().filter(|_| self.failures > 0) else { return false };
        let back_off = BACK_OFF.0.saturating_mul(1 << (self.failures - 1).min(16)).min(BACK_OFF.1);
        failure.at.elapsed() < back_off
    }
}

impl Server {
    pub(in crate::mcp) fn status(&self) -> Status {
        let state = self.state();
        let mut starting = state.instances.values().filter_map(|instance| match instance {
            Instance::Starting { since, .. } => Some(since.elapsed()),
            Instance::Ready { .. } => None,
        });
        let is_ready = state.instances.values().any(|instance| matches!(instance, Instance::Ready { .. }));
        let word = match (self.declared.disabled, starting.next()) {
            (true, _) => "off",
            (_, Some(since)) if since > SLOW => "slow",
            (_, Some(_)) => "starting",
            _ if is_ready => "ready",
            _ if state.failure.is_some() => "broken",
            _ => "idle",
        };
        let words = state.instances.values().find_map(|instance| match instance {
            Instance::Ready { client, .. } => Some(client.link.last_words()),
            Instance::Starting { .. } => None,
        });
        let failure = state.failure.as_ref().filter(|_| word == "broken");
        Status {
            state: word,
            era: state.era.clone(),
            title: state.title.clone(),
            catalog: state.catalog.clone(),
            running: state.instances.len(),
            error: failure.map(|failure| failure.message.clone()),
            last_words: failure.map(|failure| failure.last_words.clone()).or(words).unwrap_or_default(),
        }
    }
}
