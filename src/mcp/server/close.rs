//! Closing what runs of a server: because it is idle, because another needs its place, because its person or all is gone.

use std::sync::Arc;
use std::time::Duration;

use super::state::{Instance, State};
use super::{Key, Server};
use crate::domain::id::ContainerId;
use crate::mcp::client::Client;
use crate::mcp::config::Scope;

/// Processes of a server that has one for each person.
const PEOPLE: usize = 16;

impl Server {
    /// Closes what was not used for long. Returns whether anything is left that runs.
    pub(in crate::mcp) fn close_idle(&self) -> bool {
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
    pub(in crate::mcp) fn close(&self) -> Vec<Arc<Client>> {
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
    pub(in crate::mcp) fn close_owner(&self, owner: &ContainerId) {
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

    /// Where each person has a process: the one that was not used for longest gives way.
    pub(super) fn make_room(&self, state: &mut State) -> bool {
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
}
