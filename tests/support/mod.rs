//! What the tests share: the real server as a process, and a client that knows only the public interface.
#![allow(dead_code)] // not every test needs every helper

pub mod chat;
pub mod disk;
pub mod http;
pub mod judge;
mod judge_openai;
pub mod people;
pub mod raw;
pub mod script;
pub mod server;
pub mod tls;
pub mod upstream;
pub mod wires;
pub mod ws;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The program with a clean environment, in a directory that is also its home.
pub fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portagent"));
    command.env_clear().env("HOME", directory).current_dir(directory).stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs a command to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Run {
    program(directory).args(arguments).output().unwrap().into()
}

/// Runs a command to its end, with something on stdin.
pub fn run_with_input(mut command: Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()); // it may have ended without reading
    child.wait_with_output().unwrap().into()
}

/// Waits until it is so; fails with `what` after 10 seconds.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
