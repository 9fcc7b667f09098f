//! A client that sends exactly the bytes it is given, and reads responses by their framing. For everything that a
//! well-behaved client never does.

#![allow(dead_code, reason = "each user takes what it needs")]

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Raw {
    pub stream: TcpStream,
    /// Read and not used yet.
    pending: Vec<u8>,
}

#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    /// Status line and header lines, as they came.
    pub head: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawResponse {
    /// The first header of that name, in any spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        Self { stream, pending: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).expect("send");
        self
    }

    /// Like `send`, where the server may already have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    pub fn end_sending(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).expect("shutdown");
        self
    }

    /// The next response. Panics where none comes.
    pub fn response(&mut self) -> RawResponse {
        self.try_response(false).expect("a response")
    }

    /// The response to a HEAD: it has no body, whatever its head says.
    pub fn response_to_head(&mut self) -> RawResponse {
        self.try_response(true).expect("a response")
    }

    pub fn try_response(&mut self, bodiless: bool) -> io::Result<RawResponse> {
        let end = loop {
            if let Some(at) = find(&self.pending, b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.pending[..end - 2]).into_owned();
        self.pending.drain(..end);
        let mut lines = head.lines();
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("no status line: {status_line:?}")))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut response = RawResponse { status, head, headers, body: Vec::new() };
        if !bodiless && status >= 200 && status != 204 && status != 304 {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    fn body(&mut self, response: &RawResponse) -> io::Result<Vec<u8>> {
        let Some(length) = response.header("content-length") else { return self.rest() };
        let length: usize = length.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        while self.pending.len() < length {
            self.fill()?;
        }
        Ok(self.pending.drain(..length).collect())
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(std::mem::take(&mut self.pending)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the server closes within that time, with nothing more to say.
    pub fn is_closed_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("timeout");
            let read = self.stream.read(&mut [0; 1]);
            self.stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
            match read {
                Ok(0) => return true,
                Ok(_) => return false,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() >= until {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.pending.extend_from_slice(&chunk[..read]);
                Ok(())
            }
        }
    }
}

/// One connection, one request, one response.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> RawResponse {
    let mut client = Raw::connect(address);
    client.send(request);
    client.response()
}

/// A request with the lines that every request needs. `lines` end in CRLF each.
pub fn request(method: &str, path: &str, lines: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}{length}\r\n{body}")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
