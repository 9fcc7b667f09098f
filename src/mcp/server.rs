//! One declared server: its running instances (one, or one for each person), what is known of its tools, and how it is.
//!
//! Instances start on threads of their own, so that no one has to wait longer than they want to; those who need one
//! wait for a change of the state.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Client, Era, patience};
use super::config::{Approval, Declared, Scope};
use super::name::model_name;
use super::open;
use super::result::CallResult;
use super::rpc::{Trouble, Wait};
use super::schema;
use crate::domain::id::ContainerId;
use crate::domain::{Cancel, Error, Kind, Result};

/// What a start may take: a package that is downloaded first takes a minute.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// Past it a start counts as slow.
const SLOW: Duration = Duration::from_secs(5);
/// After a failed start the next is tried no sooner than this; it doubles up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Processes of a server that has one for each person.
const PEOPLE: usize = 16;
/// serde_json at its deepest needs 256 KiB in a debug build.
const STACK_BYTES: usize = 512 * 1024;
/// A tool's description towards a model, in characters.
const DESCRIPTION_CHARS: usize = 8 * 1024;

/// Whose instance.
pub(super) type Key = Option<ContainerId>;

pub(super) struct Server {
    pub name: String,
    pub declared: Declared,
    pub data_dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    era: Option<Era>,
    title: String,
    catalog: Option<Arc<Catalog>>,
    /// Until when the catalog is fresh.
    fresh_until: Option<Instant>,
    is_listing: bool,
    instances: HashMap<Key, Instance>,
    failure: Option<Failure>,
    failures: u32,
    is_closed: bool,
}

enum Instance {
    Starting { since: Instant, cancel: Cancel },
    Ready { client: Arc<Client>, used: Instant, calls: usize },
}

#[derive(Clone)]
struct Failure {
    at: Instant,
    message: String,
    last_words: Vec<String>,
}

/// The tools of a server, in the order of their names.
#[derive(Debug, Default)]
pub struct Catalog {
    pub tools: Vec<RemoteTool>,
    /// Left out because providers refuse them: name and reason.
    pub quarantined: Vec<(String, String)>,
}

/// A tool of a server, as a model may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteTool {
    pub server: String,
    /// As its server calls it.
    pub name: String,
    pub model_name: String,
    pub description: String,
    /// A JSON schema, as text.
    pub schema: String,
    /// What the server says about it (`readOnlyHint` and others): shown, never believed.
    pub hints: Value,
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

impl Server {
    pub(super) fn new(name: String, declared: Declared, data_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self { name, declared, data_dir, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn key(&self, owner: &ContainerId) -> Key {
        (self.declared.scope() == Scope::User).then(|| owner.clone())
    }

    /// Starts what is missing to know the server's tools, and returns at once.
    pub(super) fn freshen(self: &Arc<Self>, key: &Key) {
        let mut state = self.state();
        if state.catalog.is_none() {
            if !state.instances.contains_key(key) && !state.has_to_wait() {
                self.begin(&mut state, key);
            }
            return;
        }
        let client = state.instances.values().find_map(|instance| match instance {
            Instance::Ready { client, .. } if client.link.gone().is_none() => Some(client.clone()),
            _ => None,
        });
        let Some(client) = client else { return }; // the list is read when it starts again
        let is_stale =
            client.link.take_tools_changed() || state.fresh_until.is_some_and(|until| until < Instant::now());
        if is_stale && !state.is_listing {
            state.is_listing = true;
            drop(state);
            let server = self.clone();
            self.spawn(move || server.list_again(&client));
        }
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

    /// Closes what was not used for long. Returns whether anything is left that runs.
    pub(super) fn close_idle(&self) -> bool {
        let mut state = self.state();
        let idle = self.declared.idle();
        let is_idle = |instance: &Instance| match instance {
            Instance::Ready { client, used, calls } => {
                *calls == 0 && used.elapsed() >= idle || client.link.gone().is_some()
            }
            Instance::Starting { .. } => false,
        };
        let keys: Vec<Key> =
            state.instances.iter().filter(|(_, instance)| is_idle(instance)).map(|(key, _)| key.clone()).collect();
        let closed: Vec<Instance> = keys.iter().filter_map(|key| state.instances.remove(key)).collect();
        let is_running = !state.instances.is_empty();
        drop(state);
        for instance in closed {
            if let Instance::Ready { client, .. } = instance {
                log::info!(target: "mcp", "server={} is closed: it was not used", self.name);
                client.link.close();
            }
        }
        is_running
    }

    /// Begins to close everything, for good. What it returns can be waited for.
    pub(super) fn close(&self) -> Vec<Arc<Client>> {
        let mut state = self.state();
        state.is_closed = true;
        let instances = std::mem::take(&mut state.instances);
        drop(state);
        self.changed.notify_all();
        let mut clients = Vec::new();
        for instance in instances.into_values() {
            match instance {
                Instance::Starting { cancel, .. } => cancel.cancel(),
                Instance::Ready { client, .. } => {
                    client.link.close();
                    clients.push(client);
                }
            }
        }
        clients
    }

    /// Closes the instance of a person whose account is gone.
    pub(super) fn close_owner(&self, owner: &ContainerId) {
        let instance = self.state().instances.remove(&Some(owner.clone()));
        match instance {
            Some(Instance::Ready { client, .. }) => {
                client.link.close();
                client.link.wait_closed(Duration::from_secs(2));
            }
            Some(Instance::Starting { cancel, .. }) => cancel.cancel(),
            None => {}
        }
    }

    pub(super) fn status(&self) -> Status {
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

    fn begin(self: &Arc<Self>, state: &mut State, key: &Key) {
        let cancel = Cancel::new();
        state.instances.insert(key.clone(), Instance::Starting { since: Instant::now(), cancel: cancel.clone() });
        let (server, own) = (self.clone(), key.clone());
        if !self.spawn(move || server.start(&own, &cancel)) {
            state.instances.remove(key);
            state.fail("no thread for it".to_owned(), Vec::new());
        }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) -> bool {
        let thread = thread::Builder::new().name("mcp-start".to_owned()).stack_size(STACK_BYTES).spawn(work);
        thread.is_ok()
    }

    fn start(&self, key: &Key, cancel: &Cancel) {
        let began = Instant::now();
        let known = self.state().era.clone();
        let outcome = open::connected(self, key, known.as_ref(), &patience(START_PATIENCE, cancel));
        let outcome = outcome.and_then(|client| {
            let listed = client.tools(&patience(START_PATIENCE, cancel));
            listed.map(|listed| (client.clone(), listed)).map_err(|trouble| {
                let words = client.link.last_words();
                client.link.close();
                (trouble, words)
            })
        });
        let mut state = self.state();
        let is_wanted = matches!(state.instances.get(key), Some(Instance::Starting { .. })) && !state.is_closed;
        match outcome {
            Ok((client, _)) if !is_wanted => client.link.close(),
            Ok((client, listed)) => {
                let (version, tools) = (client.era.version.clone(), listed.tools.len());
                let ms = began.elapsed().as_millis();
                log::info!(target: "mcp", "server={} is ready: version={version} tools={tools} ms={ms}", self.name);
                state.ready(&client, self.catalog_of(listed.tools), listed.age);
                let ready = Instance::Ready { client, used: Instant::now(), calls: 0 };
                state.instances.insert(key.clone(), ready);
            }
            Err((trouble, last_words)) => {
                log::warn!(target: "mcp", "server={} does not start: {}", self.name, trouble.sentence());
                state.instances.remove(key);
                state.fail(trouble.sentence(), last_words);
            }
        }
        self.changed.notify_all();
    }

    fn list_again(&self, client: &Client) {
        let cancel = Cancel::new();
        let listed = client.tools(&patience(self.declared.timeout(), &cancel));
        let mut state = self.state();
        state.is_listing = false;
        if let Ok(listed) = listed {
            state.catalog = Some(Arc::new(self.catalog_of(listed.tools)));
            state.fresh_until = Some(Instant::now() + listed.age);
        }
        self.changed.notify_all();
    }

    fn catalog_of(&self, tools: Vec<super::client::Declared>) -> Catalog {
        let mut catalog = Catalog::default();
        for tool in tools {
            let model_name = model_name(&self.name, &tool.name);
            match schema::mended(&tool.schema) {
                Ok(_) if catalog.tools.iter().any(|other: &RemoteTool| other.model_name == model_name) => {
                    catalog.quarantined.push((tool.name, "its name appears twice".to_owned()));
                }
                Ok(schema) => catalog.tools.push(RemoteTool {
                    server: self.name.clone(),
                    name: tool.name,
                    model_name,
                    description: tool.description.chars().take(DESCRIPTION_CHARS).collect(),
                    schema: schema.to_string(),
                    hints: tool.hints,
                }),
                Err(why) => catalog.quarantined.push((tool.name, why.to_owned())),
            }
        }
        catalog.tools.sort_by(|one, other| one.model_name.cmp(&other.model_name));
        catalog
    }

    /// Where each person has a process: the one that was not used for longest gives way.
    fn make_room(&self, state: &mut State) -> bool {
        if state.instances.len() < PEOPLE || self.declared.scope() == Scope::Shared {
            return true;
        }
        let idle = state.instances.iter().filter_map(|(key, instance)| match instance {
            Instance::Ready { used, calls: 0, .. } => Some((*used, key.clone())),
            _ => None,
        });
        let Some((_, oldest)) = idle.min_by_key(|(used, _)| *used) else { return false };
        if let Some(Instance::Ready { client, .. }) = state.instances.remove(&oldest) {
            client.link.close();
        }
        true
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

impl State {
    fn ready(&mut self, client: &Client, catalog: Catalog, age: Duration) {
        self.era = Some(client.era.clone());
        self.title.clone_from(&client.title);
        self.catalog = Some(Arc::new(catalog));
        self.fresh_until = Some(Instant::now() + age);
        self.failure = None;
        self.failures = 0;
    }

    fn fail(&mut self, message: String, last_words: Vec<String>) {
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(Failure { at: Instant::now(), message, last_words });
    }

    /// A server that does not start is not started all the time.
    fn has_to_wait(&self) -> bool {
        let Some(failure) = self.failure.as_ref().filter(|_| self.failures > 0) else { return false };
        let back_off = BACK_OFF.0.saturating_mul(1 << (self.failures - 1).min(16)).min(BACK_OFF.1);
        failure.at.elapsed() < back_off
    }
}
