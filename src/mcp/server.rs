//! One declared server: its running instances (one, or one for each person), what is known of its tools, and how it is.
//!
//! Instances start on threads of their own, so that no one has to wait longer than they want to; those who need one
//! wait for a change of the state.

mod catalog;
mod close;
mod open;
mod start;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::config::{Approval, Declared, Scope};
use super::result::CallResult;
use super::rpc::{Trouble, Wait};
use crate::domain::id::ContainerId;
use crate::domain::{Cancel, Error, Kind, Result};
pub use catalog::{Catalog, RemoteTool};
pub use state::Status;
use state::{Failure, Instance, State};

/// Whose instance.
pub(super) type Key = Option<ContainerId>;

pub(super) struct Server {
    pub name: String,
    pub declared: Declared,
    pub data_dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

impl Server {
    pub(super) fn new(name: String, declared: Declared, data_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self { name, declared, data_dir, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn key(&self, owner: &ContainerId) -> Key {
        (self.declared.scope() == Scope::User).then(|| owner.clone())
    }

    /// Waits for the catalog. `None`: it is not there at that time, or the server does not work.
    pub(super) fn wait_catalog(&self, key: &Key, deadline: Instant, cancel: &Cancel) -> Option<Arc<Catalog>> {
        let mut state = self.state();
        loop {
            let is_coming = state.is_listing || state.instances.contains_key(key);
            if state.catalog.is_some() && !state.is_listing || !is_coming {
                return state.catalog.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || cancel.is_cancelled() {
                return state.catalog.clone();
            }
            state = self.wait_changed(state, left);
        }
    }

    /// The client of a running instance, which is started where there is none.
    ///
    /// Errors: `Unavailable`.
    pub(super) fn client(self: &Arc<Self>, key: &Key, deadline: Instant, cancel: &Cancel) -> Result<Arc<Client>> {
        let waker = self.clone();
        let _held = cancel.hold(move || waker.changed.notify_all());
        let mut state = self.state();
        let mut began = false;
        loop {
            if cancel.is_cancelled() {
                return Err(self.unavailable("the call was stopped"));
            }
            let found = match state.instances.get_mut(key) {
                Some(Instance::Ready { client, used, .. }) => {
                    *used = Instant::now();
                    Some(Some(client.clone()))
                }
                Some(Instance::Starting { .. }) => Some(None),
                None => None,
            };
            match found {
                Some(Some(client)) => {
                    let Some(message) = client.link.gone() else { return Ok(client) };
                    let last_words = client.link.last_words();
                    state.instances.remove(key);
                    state.failure = Some(Failure { at: Instant::now(), message, last_words });
                }
                Some(None) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(self.unavailable("it is still starting"));
                    }
                    state = self.wait_changed(state, left);
                }
                None if began || state.is_closed || state.has_to_wait() => {
                    let why = state.failure.as_ref().map_or("it was closed", |failure| failure.message.as_str());
                    return Err(self.unavailable(why));
                }
                None => {
                    began = true;
                    if !self.make_room(&mut state) {
                        return Err(self.unavailable("too many people use it at this moment"));
                    }
                    self.begin(&mut state, key);
                }
            }
        }
    }

    /// Calls a tool. It is sent once: where it is not known whether it was carried out, that is an error.
    ///
    /// Errors: `Unavailable`, with one sentence for the model.
    pub(super) fn call(self: &Arc<Self>, key: &Key, tool: &str, input: &Value, wait: &Wait<'_>) -> Result<CallResult> {
        for is_again in [false, true] {
            let client = self.client(key, wait.deadline, wait.cancel)?;
            self.count(key, 1);
            let outcome = client.call(tool, input, wait);
            let others = self.count(key, -1);
            match outcome {
                Ok(result) => return Ok(CallResult::of(&result)),
                // Nothing was carried out: a new session, and once more.
                Err(Trouble::SessionLost) if !is_again => self.forget(key, &client),
                Err(trouble) => {
                    let is_stuck = matches!(trouble, Trouble::Timeout | Trouble::Cancelled);
                    // One that no one else uses is not left to work on what is not wanted any more.
                    if is_stuck && others == 0 || matches!(trouble, Trouble::Gone(_) | Trouble::SessionLost) {
                        self.forget(key, &client);
                    }
                    return Err(self.failed(&trouble));
                }
            }
        }
        Err(self.unavailable("it forgets its session again and again"))
    }

    /// Closes an instance. The next call starts a new one.
    fn forget(&self, key: &Key, client: &Arc<Client>) {
        let why = client.link.gone();
        client.link.close();
        let mut state = self.state();
        if let Some(Instance::Ready { client: current, .. }) = state.instances.get(key)
            && Arc::ptr_eq(current, client)
        {
            state.instances.remove(key);
        }
        if let Some(message) = why {
            let last_words = client.link.last_words();
            log::warn!(target: "mcp", "server={} ended: {message}", self.name);
            state.failure = Some(Failure { at: Instant::now(), message, last_words });
        }
        self.changed.notify_all();
    }

    /// Returns how many calls run now.
    fn count(&self, key: &Key, change: isize) -> usize {
        let mut state = self.state();
        let Some(Instance::Ready { used, calls, .. }) = state.instances.get_mut(key) else { return 0 };
        *used = Instant::now();
        *calls = calls.saturating_add_signed(change);
        *calls
    }

    fn failed(&self, trouble: &Trouble) -> Error {
        match trouble {
            Trouble::Refused { message, .. } => Error::new(Kind::Upstream, "tool_refused", message.clone()),
            Trouble::Cancelled => Error::new(Kind::Unavailable, "cancelled", trouble.sentence()),
            Trouble::Timeout => Error::new(Kind::Unavailable, "tool_timeout", trouble.sentence()),
            _ => self.unavailable(&trouble.sentence()),
        }
    }

    fn unavailable(&self, why: &str) -> Error {
        Error::unavailable("tool_unavailable", format!("The tool server {} is not available: {why}", self.name))
    }

    pub(super) fn approval_of(&self, tool: &str) -> Approval {
        self.declared.approval_of(tool)
    }

    fn wait_changed<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
