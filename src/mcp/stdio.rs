//! A tool server as a child process: one JSON-RPC message a line on stdin and stdout, its log on stderr.
//!
//! One thread starts it, reads both streams and sees it end; the child dies with that thread (see `host`). Those who
//! call write to stdin themselves.

mod lines;
mod reader;

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ChildStdin;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use serde_json::Value;

use super::exchange::Exchange;
use super::host::{self, Limits};
use super::link::Link;
use super::rpc::{Request, Trouble, Wait, notification};
use reader::Reader;

/// What is kept of the server's own words, in lines and in bytes of each.
const TAIL_LINES: usize = 20;
const TAIL_LINE_BYTES: usize = 400;
/// The longest that a server may leave its input unread.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How often one who writes looks whether the call is still wanted.
const WRITE_SLICE: Duration = Duration::from_millis(100);
/// What the host's exit code 127 means.
const NOT_STARTED: &str = "its command cannot be started";
/// serde_json at its deepest needs 256 KiB in a debug build.
const STACK_BYTES: usize = 512 * 1024;

/// What to start.
pub(super) struct Program {
    pub name: String,
    pub command: String,
    pub args: Vec<String>,
    /// All that it gets of an environment.
    pub env: Vec<(String, String)>,
    pub directory: PathBuf,
    pub limits: Limits,
}

pub(super) struct Process {
    exchange: Exchange,
    stdin: Mutex<Option<ChildStdin>>,
    /// Written to wake the thread that reads.
    wake: OwnedFd,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    tail: VecDeque<String>,
    has_ended: bool,
}

impl Process {
    /// Starts it. It is not known to work before it answers.
    pub(super) fn start(program: Program) -> Result<Arc<Self>, Trouble> {
        let (sender, started) = mpsc::sync_channel(1);
        let name = program.name.clone();
        let run = move || run(program, &sender);
        thread::Builder::new()
            .name(format!("mcp-{name}").chars().take(15).collect())
            .stack_size(STACK_BYTES)
            .spawn(run)
            .map_err(|error| Trouble::Gone(format!("no thread for it: {error}")))?;
        started.recv().unwrap_or_else(|_| Err("its thread ended".to_owned())).map_err(Trouble::Gone)
    }

    fn write(&self, message: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = stdin.as_mut() else { return Err(Trouble::Gone("it was closed".to_owned())) };
        let outcome = write_all(pipe, &line, wait);
        if outcome.is_err() {
            // Half a message may be in it: nothing can follow.
            self.exchange.end("it does not read its input");
            self.wake();
        }
        outcome
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes()); // a full counter wakes as well
    }

    /// The command itself does not exist, or is no program.
    pub(super) fn could_not_start(&self) -> bool {
        self.exchange.gone().is_some_and(|why| why == NOT_STARTED)
    }

    fn say(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(TAIL_LINE_BYTES)]);
        let text: String = text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        if text.trim().is_empty() {
            return;
        }
        let mut state = self.state();
        if state.tail.len() >= TAIL_LINES {
            state.tail.pop_front();
        }
        state.tail.push_back(text);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link for Process {
    fn ask(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let ticket = self.exchange.expect(request.id)?;
        self.write(&request.body(), wait)?;
        let outcome = ticket.wait(wait);
        if matches!(outcome, Err(Trouble::Timeout | Trouble::Cancelled)) && request.method != "initialize" {
            let params = serde_json::json!({"requestId": request.id, "reason": "it is no longer waited for"});
            let soon = Wait { deadline: Instant::now() + WRITE_SLICE, cancel: &Default::default(), ..*wait };
            let _ = self.write(&notification("notifications/cancelled", &params), &soon); // a courtesy
        }
        outcome
    }

    fn tell(&self, method: &str, params: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        self.write(&notification(method, params), wait)
    }

    fn watch(self: Arc<Self>, request: &Request<'_>, wait: &Wait<'_>) -> Result<(), Trouble> {
        if !request.is_modern {
            return Ok(()); // they come among the answers
        }
        self.write(&request.body(), wait) // what comes back are notices, and at its end an answer that means nothing
    }

    fn gone(&self) -> Option<String> {
        self.exchange.gone()
    }

    fn take_tools_changed(&self) -> bool {
        self.exchange.take_tools_changed()
    }

    fn close(&self) {
        self.exchange.end("it was closed");
        self.wake();
    }

    fn wait_closed(&self, most: Duration) -> bool {
        let is_running = |state: &mut State| !state.has_ended;
        let waited = self.ended.wait_timeout_while(self.state(), most, is_running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn last_words(&self) -> Vec<String> {
        self.state().tail.iter().cloned().collect()
    }
}

fn write_all(pipe: &mut ChildStdin, mut rest: &[u8], wait: &Wait<'_>) -> Result<(), Trouble> {
    let until = wait.deadline.min(Instant::now() + WRITE_PATIENCE);
    while !rest.is_empty() {
        match pipe.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if wait.cancel.is_cancelled() {
                    return Err(Trouble::Cancelled);
                }
                if Instant::now() >= until {
                    return Err(Trouble::Gone("it does not read its input".to_owned()));
                }
                poll(&mut [PollFd::new(&*pipe, PollFlags::OUT)], WRITE_SLICE);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Gone(format!("it does not read its input: {error}"))),
        }
    }
    Ok(())
}

/// Starts the program, and reads until it has ended.
fn run(program: Program, started: &SyncSender<Result<Arc<Process>, String>>) {
    let mut command = host::command(program.limits, &program.command, &program.args);
    command.envs(program.env.iter().map(|(name, value)| (name, value))).current_dir(&program.directory);
    match Reader::start(command) {
        Ok(mut reader) => {
            let process = reader.process.clone();
            let Ok(()) = started.send(Ok(process.clone())) else { return };
            drop(program);
            let why = reader.read();
            process.exchange.end(&why);
            reader.end();
            process.state().has_ended = true;
            process.ended.notify_all();
        }
        Err(error) => drop(started.send(Err(format!("it cannot be started: {error}")))),
    }
}

fn poll(fds: &mut [PollFd<'_>], most: Duration) {
    let most = Timespec { tv_sec: 0, tv_nsec: i64::from(most.subsec_nanos()) };
    let _ = rustix::event::poll(fds, Some(&most));
}
