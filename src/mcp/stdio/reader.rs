//! The end of a server's process that its thread holds: reads both streams, and ends it with all that it has started.

use std::io::{ErrorKind, Read as _};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::process::{Pid, Signal};

use super::lines::{LINE_BYTES, Lines};
use super::{NOT_STARTED, Process, poll};
use crate::mcp::exchange::Exchange;
use crate::mcp::rpc::Wait;

/// Lines in a row that are no messages, before the server is given up.
const GARBAGE_LINES: usize = 1000;
/// What is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Closing stdin → SIGTERM (the host then waits 300 ms before SIGKILL) → SIGKILL for the host itself.
const EXIT_PATIENCE: Duration = Duration::from_millis(250);
const TERM_PATIENCE: Duration = Duration::from_millis(1500);

pub(super) struct Reader {
    pub process: Arc<Process>,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    out: Lines,
    err: Lines,
    garbage: usize,
}

impl Reader {
    pub(super) fn start(mut command: Command) -> std::io::Result<Self> {
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
    pub(super) fn read(&mut self) -> String {
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
    pub(super) fn end(&mut self) {
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
