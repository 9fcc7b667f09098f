//! A server process with a directory of its own; it ends when the value is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    child: Process,
    pub port: u16,
    _directory: Option<tempfile::TempDir>,
}

impl Server {
    pub fn start(binary: &str, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Self::start_in(binary, directory.path(), settings);
        Self { _directory: Some(directory), ..server }
    }

    /// In a directory that stays; the data is in `data` below it.
    pub fn start_in(binary: &str, home: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .env_clear()
            .env("HOME", home)
            .env("AGENTX_DIR", home.join("data"))
            // They are faster than people, and more.
            .envs(
                ["REGISTRATIONS_PER_HOUR", "MESSAGES_PER_MINUTE", "SOCKETS_PER_USER", "STORAGE_PER_USER_MB"]
                    .map(|name| (name, "0")),
            )
            .envs(settings.iter().copied())
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        let port = loop {
            let line = lines.next().expect("the server says where it listens").expect("utf-8");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let address = rest.split(',').next().unwrap_or(rest);
                break address.rsplit(':').next().expect("a port").trim().parse().expect("a number");
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child: Process(child), port, _directory: None }
    }

    pub fn wait_healthy(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let asked = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                let mut answer = String::new();
                if asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(r#""status":"ok""#) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        panic!("the server does not become healthy");
    }

    pub fn resident_kib(&self) -> u64 {
        memory_kib(self.child.0.id(), "VmRSS:")
    }

    pub fn peak_kib(&self) -> u64 {
        memory_kib(self.child.0.id(), "VmHWM:")
    }
}

/// What the kernel says about a process's memory.
pub fn memory_kib(pid: u32, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
