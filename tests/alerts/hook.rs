//! A receiver of alerts: answers as configured, and keeps what came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::eventually;

pub struct Hook {
    port: u16,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    /// `statuses`: what it answers first; then 204. A 0 never answers.
    pub fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = got.clone();
        thread::spawn(move || {
            for (at, stream) in listener.incoming().flatten().enumerate() {
                let kept = kept.clone();
                thread::spawn(move || answer(stream, statuses.get(at).copied().unwrap_or(204), &kept));
            }
        });
        Self { port, got }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks/s3cret-path?key=s3cret-key", self.port)
    }

    pub fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }

    /// Waits for an alert of that name and status.
    pub fn wait_for(&self, alert: &str, status: &str) -> Value {
        let mut found = None;
        eventually(&format!("{alert} is {status}"), || {
            found = self.got().into_iter().find(|one| one["alert"] == alert && one["status"] == status);
            found.is_some()
        });
        found.unwrap()
    }
}

fn answer(stream: TcpStream, status: u16, kept: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    if status == 0 {
        let _ = reader.read(&mut [0]); // until the other side has had enough
        return;
    }
    let _ = write!(reader.get_mut(), "HTTP/1.1 {status} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
