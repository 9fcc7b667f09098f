//! All declared servers: read from the file when it changes, offered to conversations, closed when they are idle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::config::{Approval, Declared, Scope};
use super::file::{self, Stamp};
use super::result::CallResult;
use super::rpc::{Progress, Wait};
use super::server::{RemoteTool, Server, Status};
use crate::domain::id::ContainerId;
use crate::domain::{Cancel, Error, Result};

/// How often idle servers are looked for, while any runs.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// What closing all of them may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

pub struct Servers {
    data_dir: PathBuf,
    /// What is declared by a setting, beside the file.
    fixed: Option<(String, Declared)>,
    state: Mutex<State>,
    /// Something may run now, or everything stops.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stamp: Option<Stamp>,
    servers: BTreeMap<String, Arc<Server>>,
    /// Declarations that cannot be used, and why.
    refused: BTreeMap<String, String>,
    /// Why the file as a whole cannot be read: the servers are those of before.
    unreadable: Option<String>,
    may_run: bool,
    is_closed: bool,
}

/// The tools of some servers, and the servers that were not ready in time.
pub struct Offered {
    pub tools: Vec<RemoteTool>,
    pub missing: Vec<String>,
}

/// One server, for administrators.
pub struct View {
    pub name: String,
    /// Masked. `None`: it cannot be used.
    pub declared: Option<Declared>,
    /// It is declared by a setting, not by the file.
    pub is_fixed: bool,
    pub status: Status,
}

impl Servers {
    pub fn new(data_dir: &Path, fixed: Option<(String, Declared)>) -> Arc<Self> {
        let state = Mutex::new(State { may_run: true, ..State::default() });
        Arc::new(Self { data_dir: data_dir.to_owned(), fixed, state, changed: Condvar::new() })
    }

    /// What ENABLE_PROMPTX declares: the command, where there is one, else the package.
    pub fn promptx(has_command: bool) -> Declared {
        let (command, args) = match has_command {
            true => ("promptx", &["mcp-server"][..]),
            false => ("npx", &["-y", "@promptx/mcp-server"][..]),
        };
        Declared {
            command: Some(command.to_owned()),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            scope: Some(Scope::User),
            timeout_seconds: Some(600), // its calls can take minutes
            ..Declared::default()
        }
    }

    /// Closes servers that were not used for their time.
    ///
    /// Errors: no thread for it.
    pub fn keep_tidy(self: &Arc<Self>) -> Result<()> {
        let servers = Arc::downgrade(self);
        let run = move || {
            while let Some(servers) = servers.upgrade() {
                if !servers.tidy() {
                    return;
                }
            }
        };
        thread::Builder::new().name("mcp-tidy".to_owned()).spawn(run).map_err(Error::internal)?;
        Ok(())
    }

    /// One round; sleeps as long as nothing runs. False when it is over.
    fn tidy(&self) -> bool {
        let mut state = self.state();
        while !state.may_run && !state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.is_closed {
            state = self.changed.wait_timeout(state, TIDY_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_closed {
            return false;
        }
        state.may_run = false;
        let servers: Vec<_> = state.servers.values().cloned().collect();
        drop(state);
        let running = servers.iter().filter(|server| server.close_idle()).count();
        if running > 0 {
            self.state().may_run = true;
        }
        true
    }

    /// The names of the servers that can be used; `true` for those that conversations have which choose none.
    pub fn names(&self) -> Vec<(String, bool)> {
        let servers = self.current();
        let usable = servers.iter().filter(|server| !server.declared.disabled);
        usable.map(|server| (server.name.clone(), server.declared.is_default())).collect()
    }

    /// The tools of these servers, for one person. Waits no longer than until `deadline` for those that have to start.
    pub fn offer(&self, owner: &ContainerId, names: &[String], deadline: Instant, cancel: &Cancel) -> Offered {
        let wanted = |server: &&Arc<Server>| names.contains(&server.name) && !server.declared.disabled;
        let servers: Vec<_> = self.current().iter().filter(wanted).cloned().collect();
        servers.iter().for_each(|server| server.freshen(&server.key(owner)));
        self.wake();
        let mut offered = Offered { tools: Vec::new(), missing: Vec::new() };
        for server in servers {
            match server.wait_catalog(&server.key(owner), deadline, cancel) {
                Some(catalog) => offered.tools.extend(catalog.tools.iter().cloned()),
                None => offered.missing.push(server.name.clone()),
            }
        }
        offered
    }

    /// Calls a tool for a person. Errors: `Upstream`, `Unavailable`; one sentence for the model.
    /// Without an owner: where each person has an instance, one more.
    pub fn call(
        &self,
        owner: Option<&ContainerId>,
        tool: (&str, &str),
        input: &Value,
        limits: Limits<'_>,
    ) -> Result<CallResult> {
        let (name, tool) = tool;
        let server = self.find(name)?;
        let Limits { deadline, cancel, progress } = limits;
        let key = owner.and_then(|owner| server.key(owner));
        let outcome = server.call(&key, tool, input, &Wait { deadline, cancel, progress });
        self.wake(); // only now is it certain that what it may have started is seen
        outcome
    }

    /// The administrator's word on a tool, as it is now. A server that is gone asks.
    pub fn approval(&self, server: &str, tool: &str) -> Approval {
        self.find(server).map_or(Approval::Ask, |server| server.approval_of(tool))
    }

    /// What is declared of a server that can be used.
    pub fn declared(&self, server: &str) -> Option<Declared> {
        self.find(server).ok().map(|server| server.declared.clone())
    }

    /// All servers, for administrators; and why the file cannot be read, if it cannot.
    pub fn list(&self) -> (Vec<View>, Option<String>) {
        let servers = self.current();
        let of_file = file::load(&self.data_dir).map(|loaded| loaded.servers).unwrap_or_default();
        let mut views: Vec<View> = servers
            .iter()
            .map(|server| View {
                name: server.name.clone(),
                declared: Some(server.declared.clone().masked()),
                is_fixed: !of_file.contains_key(&server.name),
                status: server.status(),
            })
            .collect();
        let state = self.state();
        views.extend(state.refused.iter().map(|(name, why)| View {
            name: name.clone(),
            declared: None,
            is_fixed: false,
            status: Status {
                state: "broken",
                era: None,
                title: String::new(),
                catalog: None,
                running: 0,
                error: Some(why.clone()),
                last_words: Vec::new(),
            },
        }));
        views.sort_by(|one, other| one.name.cmp(&other.name));
        (views, state.unreadable.clone())
    }

    /// Puts a declaration into the file; `is_new`: there must be none by that name.
    ///
    /// Errors: `Invalid`, `Conflict`, `NotFound`, `Unavailable`.
    pub fn declare(&self, name: &str, declared: Declared, is_new: bool) -> Result<()> {
        super::check_name(name)?;
        let known = file::load(&self.data_dir)?.servers.remove(name);
        match (&known, is_new) {
            (Some(_), true) => {
                return Err(Error::conflict("server_exists", format!("There is a tool server named {name} already")));
            }
            (None, false) => return Err(Error::not_found("Tool server")),
            _ => {}
        }
        let old = known.and_then(std::result::Result::ok);
        file::change(&self.data_dir, name, Some(&declared.unmasked(old.as_ref())))?;
        self.current();
        Ok(())
    }

    /// Takes a declaration out of the file. Errors: `NotFound`, `Unavailable`; `Conflict` for one of a setting.
    pub fn remove(&self, name: &str) -> Result<()> {
        if file::change(&self.data_dir, name, None)? {
            self.current();
            return Ok(());
        }
        match self.fixed.as_ref().is_some_and(|(fixed, _)| fixed == name) {
            true => Err(Error::conflict("server_is_fixed", "This tool server is declared by a setting")
                .hint("set ENABLE_PROMPTX=false")),
            false => Err(Error::not_found("Tool server")),
        }
    }

    /// Starts a server for a test, from its beginning, and waits for it. Errors: `NotFound`, `Unavailable`.
    pub fn test(&self, name: &str, owner: Option<&ContainerId>, deadline: Instant, cancel: &Cancel) -> Result<Status> {
        let server = self.renewed(name)?;
        let outcome = server.client(&owner.and_then(|owner| server.key(owner)), deadline, cancel);
        self.wake();
        match outcome {
            Ok(_) => Ok(server.status()),
            Err(error) => {
                let status = server.status();
                if status.state == "broken" { Ok(status) } else { Err(error) }
            }
        }
    }

    /// Ends what runs for a person whose account is gone.
    pub fn close_owner(&self, owner: &ContainerId) {
        let servers: Vec<_> = self.state().servers.values().cloned().collect();
        servers.iter().for_each(|server| server.close_owner(owner));
    }

    /// Ends everything, for good.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let servers = std::mem::take(&mut state.servers);
        drop(state);
        self.changed.notify_all();
        close_all(servers.into_values());
    }

    fn find(&self, name: &str) -> Result<Arc<Server>> {
        let found = self.current().into_iter().find(|server| server.name == name && !server.declared.disabled);
        found.ok_or_else(|| Error::not_found(&format!("The tool server {name}")))
    }

    /// Another one in its place, with nothing remembered.
    fn renewed(&self, name: &str) -> Result<Arc<Server>> {
        self.find(name)?;
        let mut state = self.state();
        let Some(old) = state.servers.get(name).cloned() else { return Err(Error::not_found("Tool server")) };
        let server = Server::new(old.name.clone(), old.declared.clone(), self.data_dir.clone());
        state.servers.insert(name.to_owned(), server.clone());
        drop(state);
        old.close();
        Ok(server)
    }

    /// The servers of the file as it is now. One whose declaration did not change goes on.
    fn current(&self) -> Vec<Arc<Server>> {
        let stamp = file::stamp(&self.data_dir);
        let mut state = self.state();
        let mut closed = Vec::new();
        if state.stamp != Some(stamp) && !state.is_closed {
            state.stamp = Some(stamp);
            closed = self.reload(&mut state);
        }
        let servers = state.servers.values().cloned().collect();
        drop(state);
        closed.iter().for_each(|server: &Arc<Server>| drop(server.close()));
        servers
    }

    /// Returns those that are no longer declared like this.
    fn reload(&self, state: &mut State) -> Vec<Arc<Server>> {
        let loaded = match file::load(&self.data_dir) {
            Ok(loaded) => loaded,
            Err(error) => {
                log::error!(target: "mcp", "{}; the tool servers stay as they are", error.message);
                state.unreadable = Some(error.message.into_owned());
                return Vec::new();
            }
        };
        (state.unreadable, state.refused) = (None, BTreeMap::new());
        let mut before = std::mem::take(&mut state.servers);
        let fixed = self.fixed.iter().map(|(name, declared)| (name.clone(), Ok(declared.clone())));
        let mut declared: BTreeMap<_, _> = fixed.collect();
        declared.extend(loaded.servers);
        for (name, outcome) in declared {
            match outcome {
                Ok(declared) => {
                    let is_same = before.get(&name).is_some_and(|server| server.declared == declared);
                    let same = if is_same { before.remove(&name) } else { None };
                    let server = same.unwrap_or_else(|| Server::new(name.clone(), declared, self.data_dir.clone()));
                    state.servers.insert(name, server);
                }
                Err(why) => {
                    log::warn!(target: "mcp", "server={name:?} is left out: {why}");
                    state.refused.insert(name, why);
                }
            }
        }
        before.into_values().collect()
    }

    fn wake(&self) {
        self.state().may_run = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a call may take, and who hears of it meanwhile.
pub struct Limits<'a> {
    pub deadline: Instant,
    pub cancel: &'a Cancel,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

fn close_all(servers: impl Iterator<Item = Arc<Server>>) {
    let clients: Vec<_> = servers.flat_map(|server| server.close()).collect();
    let until = Instant::now() + CLOSE_PATIENCE;
    for client in clients {
        client.link.wait_closed(until.saturating_duration_since(Instant::now()));
    }
}
