//! A tool server as a child process: one JSON-RPC message a line on stdin and stdout, its log on stderr.
//!
//! One thread starts it, reads both streams and sees it end; the child dies with that thread (see `host`). Those who
//! call write to stdin themselves.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::exchange::Exchange;
use super::host::{self, Limits};
use super::link::Link;
use super::rpc::{Request, Trouble, Wait, notification};

/// One message of a server, in bytes: room for a picture of 5 MB in base64.
const LINE_BYTES: usize = 8 * 1024 * 1024;
/// Lines in a row that are no messages, before the server is given up.
const GARBAGE_LINES: usize = 1000;
/// What is kept of the server's own words, in lines and in bytes of each.
const TAIL_LINES: usize = 20;
const TAIL_LINE_BYTES: usize = 400;
/// What is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// The longest that a server may leave its input unread.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How often one who writes looks whether the call is still wanted.
const WRITE_SLICE: Duration = Duration::from_millis(100);
/// Closing stdin → SIGTERM (the host then waits 300 ms before SIGKILL) → SIGKILL for the host itself.
const EXIT_PATIENCE: Duration = Duration::from_millis(250);
const TERM_PATIENCE: Duration = Duration::from_millis(1500);
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

    fn watch(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<(), Trouble> {
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

struct Reader {
    process: Arc<Process>,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    out: Lines,
    err: Lines,
    garbage: usize,
}

impl Reader {
    fn start(mut command: Command) -> std::io::Result<Self> {
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        for fd in [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)]
            .into_iter()
            .flatten()
        {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let process = Arc::new(Process {
            exchange: Exchange::default(),
            stdin: Mutex::new(stdin),
            wake,
            state: Mutex::default(),
            ended: Condvar::new(),
        });
        Ok(Self { process, child, stdout, stderr, out: Lines::default(), err: Lines::default(), garbage: 0 })
    }

    /// Until there is nothing more to read. Says why.
    fn read(&mut self) -> String {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Some(why) = self.process.exchange.gone() {
                return why;
            }
            self.poll();
            self.read_err(&mut buffer);
            if let Some(why) = self.read_out(&mut buffer) {
                return why;
            }
        }
    }

    fn poll(&self) {
        let mut fds = vec![PollFd::new(&self.process.wake, PollFlags::IN)];
        fds.extend(self.stdout.as_ref().map(|stream| PollFd::new(stream, PollFlags::IN)));
        fds.extend(self.stderr.as_ref().map(|stream| PollFd::new(stream, PollFlags::IN)));
        let _ = rustix::event::poll(&mut fds, None); // an interrupted one is looked at like any other
        let _ = rustix::io::read(&self.process.wake, &mut [0; 8]);
    }

    /// `Some`: why nothing more can be read.
    fn read_out(&mut self, buffer: &mut [u8]) -> Option<String> {
        let stream = self.stdout.as_mut()?;
        let count = match stream.read(buffer) {
            Ok(0) => return Some(self.exited()),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return None,
            Err(error) => return Some(format!("its output cannot be read: {error}")),
        };
        let (process, garbage) = (&self.process, &mut self.garbage);
        let fits = self.out.feed(&buffer[..count], |line| {
            *garbage = if take(process, line) { 0 } else { *garbage + 1 };
        });
        if !fits {
            return Some(format!("it sent a line of more than {} MiB", LINE_BYTES / (1024 * 1024)));
        }
        (self.garbage > GARBAGE_LINES).then(|| "it writes to stdout what is no message".to_owned())
    }

    fn read_err(&mut self, buffer: &mut [u8]) {
        let Some(stream) = self.stderr.as_mut() else { return };
        match stream.read(buffer) {
            Ok(0) => self.stderr = None,
            Ok(count) => {
                let process = &self.process;
                // A line without an end is not worth more than its beginning.
                if !self.err.feed(&buffer[..count], |line| process.say(line)) {
                    self.err = Lines::default();
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.stderr = None,
        }
    }

    /// Its output has ended: so has it, in a moment.
    fn exited(&mut self) -> String {
        let until = Instant::now() + EXIT_PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.read_err(&mut vec![0; READ_BYTES]);
                    return match status.code() {
                        Some(127) => NOT_STARTED.to_owned(),
                        Some(code) => format!("it exited with {code}"),
                        None => "it was killed".to_owned(),
                    };
                }
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
                _ => return "it closed its output".to_owned(),
            }
        }
    }

    /// Ends the process, and all that it has started.
    fn end(&mut self) {
        // One that writes holds it until the pipe breaks.
        if let Ok(mut stdin) = self.process.stdin.try_lock() {
            *stdin = None;
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let mut buffer = vec![0; READ_BYTES];
        for (patience, signal) in [(EXIT_PATIENCE, Signal::TERM), (TERM_PATIENCE, Signal::KILL)] {
            if self.has_exited(patience, &mut buffer) {
                return;
            }
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, signal); // one that has just ended is what we want
            }
        }
        // Without its host the server is in a session that no one else is in.
        log::error!(target: "mcp", "the host of a tool server did not end in time: pid={}", self.child.id());
        end_session(self.child.id());
        let _ = self.child.wait();
    }

    /// Meanwhile its last words are read.
    fn has_exited(&mut self, patience: Duration, buffer: &mut [u8]) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Ok(Some(_)) = self.child.try_wait() {
                self.read_err(buffer);
                return true;
            }
            let mut fds = Vec::from_iter(self.stderr.as_ref().map(|stream| PollFd::new(stream, PollFlags::IN)));
            poll(&mut fds, Duration::from_millis(10));
            self.read_err(buffer);
        }
        false
    }
}

/// Whether it was a message.
fn take(process: &Process, line: &[u8]) -> bool {
    if line.trim_ascii().is_empty() {
        return true;
    }
    let message = serde_json::from_slice(line).ok();
    match message.map_or(Err(()), |message| process.exchange.take(message)) {
        Ok(answer) => {
            if let Some(answer) = answer {
                // A server that does not read its input is no reason to stop reading its output.
                let no_time = Wait { deadline: Instant::now(), cancel: &Default::default(), progress: &|_| {} };
                let _ = process.write(&answer, &no_time);
            }
            true
        }
        Err(()) => {
            process.say(line);
            false
        }
    }
}

fn poll(fds: &mut [PollFd<'_>], most: Duration) {
    let most = Timespec { tv_sec: 0, tv_nsec: i64::from(most.subsec_nanos()) };
    let _ = rustix::event::poll(fds, Some(&most));
}

/// Kills what is in the session that the host led.
fn end_session(leader: u32) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold anything: state, ppid, pgrp and session follow its last one.
        let session = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(3)?.parse().ok());
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        if let (Some(pid), Some(true)) = (pid, session.map(|session: u32| session == leader)) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// Bytes that become lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// False when a line is too long.
    fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) -> bool {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if self.0.is_empty() {
                line(&bytes[..end]);
            } else {
                self.0.extend_from_slice(&bytes[..end]);
                line(&self.0);
                self.0 = Vec::new(); // a long one is not kept for the next
            }
            bytes = &bytes[end + 1..];
        }
        self.0.extend_from_slice(bytes);
        self.0.len() <= LINE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_lines() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in ["a\nb", "c", "\n\nd\r\n"] {
            assert!(lines.feed(piece.as_bytes(), |line| found.push(String::from_utf8_lossy(line).into_owned())));
        }
        assert_eq!(found, ["a", "bc", "", "d\r"]);
        assert!(lines.feed(&vec![b'x'; LINE_BYTES], |_| {}));
        assert!(!lines.feed(b"x", |_| {}));
    }
}
