//! A small HTTP client: one request a connection, JSON in and out.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub struct Client {
    port: u16,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Response {
        self.request("GET", path, &authorization(token), b"")
    }

    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Response {
        let headers = format!("Content-Type: application/json\r\n{}", authorization(token));
        self.request("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Any request; `headers` are whole lines, each with its CRLF.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Response {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat(), method == "HEAD")
    }

    /// Bytes as they stand, and the answer to them.
    pub fn raw(&self, bytes: &[u8], is_head: bool) -> Response {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // A server may answer and close before it has read everything: then the answer counts, not our trouble.
        let sent = stream.write_all(bytes);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let end = find(&answer, b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {sent:?} {read:?}"));
        parse(&answer[..end], &answer[end + 4..], is_head)
    }
}

fn authorization(token: Option<&str>) -> String {
    token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"))
}

fn parse(head: &[u8], rest: &[u8], is_head: bool) -> Response {
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response { status, headers, body: Vec::new() };
    response.body = match response.header("transfer-encoding") {
        Some(_) if !is_head => unchunked(rest),
        _ => rest.to_vec(),
    };
    if let (Some(length), false) = (response.header("content-length"), is_head) {
        assert_eq!(length.parse(), Ok(response.body.len()), "the body is as long as it says");
    }
    response
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
