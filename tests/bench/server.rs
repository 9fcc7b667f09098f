//! A server process with a directory of its own; it ends when the value is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    pub port: u16,
    _directory: tempfile::TempDir,
}

impl Server {
    pub fn start(binary: &str, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .env_clear()
            .env("HOME", directory.path())
            .env("AGENTX_DIR", directory.path().join("data"))
            .env("REGISTRATIONS_PER_HOUR", "0")
            .envs(settings.iter().copied())
            .current_dir(directory.path())
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
        Self { child, port, _directory: directory }
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
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
