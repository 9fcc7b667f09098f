//! Starting a server, and reading its list of tools: on threads of their own, which end with that.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::open;
use super::state::{Instance, State};
use super::{Catalog, Key, Server};
use crate::domain::Cancel;
use crate::mcp::client::{Client, patience};
use crate::mcp::rpc::Trouble;

/// What a start may take: a package that is downloaded first takes a minute.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// serde_json at its deepest needs 256 KiB in a debug build.
const STACK_BYTES: usize = 512 * 1024;

impl Server {
    /// Starts what is missing to know the server's tools, and returns at once.
    pub(in crate::mcp) fn freshen(self: &Arc<Self>, key: &Key) {
        let mut state = self.state();
        if state.catalog.is_none() {
            if !state.instances.contains_key(key) && !state.has_to_wait() {
                self.begin(&mut state, key);
            }
            return;
        }
        let client = state.instances.iter().find_map(|(key, instance)| match instance {
            Instance::Ready { client, .. } if client.link.gone().is_none() => Some((key.clone(), client.clone())),
            _ => None,
        });
        let Some((key, client)) = client else { return }; // the list is read when it starts again
        let is_stale =
            client.link.take_tools_changed() || state.fresh_until.is_some_and(|until| until < Instant::now());
        if is_stale && !state.is_listing {
            state.is_listing = true;
            drop(state);
            let server = self.clone();
            self.spawn(move || server.list_again(&key, &client));
        }
    }

    pub(super) fn begin(self: &Arc<Self>, state: &mut State, key: &Key) {
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
                state.ready(&client, Catalog::of(&self.name, listed.tools), listed.age);
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

    fn list_again(self: &Arc<Self>, key: &Key, client: &Arc<Client>) {
        let cancel = Cancel::new();
        let listed = client.tools(&patience(self.declared.timeout(), &cancel));
        if matches!(listed, Err(Trouble::SessionLost)) {
            self.forget(key, client);
        }
        let mut state = self.state();
        state.is_listing = false;
        match listed {
            Ok(listed) => {
                state.catalog = Some(Arc::new(Catalog::of(&self.name, listed.tools)));
                state.fresh_until = Some(Instant::now() + listed.age);
            }
            // A new session reads the list.
            Err(Trouble::SessionLost) if !state.instances.contains_key(key) && !state.is_closed => {
                self.begin(&mut state, key);
            }
            Err(_) => {}
        }
        self.changed.notify_all();
    }
}
