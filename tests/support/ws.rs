//! A small WebSocket client, as a page or a script would be one. It uses nothing but the public port.
//!
//! Every wait has a deadline; what goes against expectation panics with what was seen instead.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

/// Longer than anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How the token travels.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    Query(&'a str),
    Subprotocol(&'a str),
    None,
}

/// What a handshake says.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    pub port: u16,
    pub path: &'a str,
    pub token: Token<'a>,
    pub origin: Option<&'a str>,
}

pub struct Client {
    socket: WebSocket<TcpStream>,
    /// Events and other unasked frames that came while an answer was awaited.
    events: VecDeque<Value>,
    requests: u64,
    closed: Option<(u16, String)>,
}

/// The status that a refused handshake was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub u16);

impl Client {
    /// Connects to `/ws` with the token in the query.
    pub fn connect(port: u16, token: &str) -> Self {
        Self::open(Hello { port, path: "/ws", token: Token::Query(token), origin: None }).expect("connected")
    }

    /// The same, with the token as a subprotocol.
    pub fn connect_by_subprotocol(port: u16, token: &str) -> Self {
        Self::open(Hello { port, path: "/ws", token: Token::Subprotocol(token), origin: None }).expect("connected")
    }

    pub fn open(hello: Hello<'_>) -> Result<Self, Refused> {
        let Hello { port, path, token, origin } = hello;
        let query = if let Token::Query(token) = token { format!("?token={token}") } else { String::new() };
        let mut request = format!("ws://127.0.0.1:{port}{path}{query}").into_client_request().expect("a request");
        let headers = request.headers_mut();
        if let Token::Subprotocol(token) = token {
            let protocols = HeaderValue::from_str(&format!("portagent.v1, bearer.{token}")).expect("a header");
            headers.insert("Sec-WebSocket-Protocol", protocols);
        }
        if let Some(origin) = origin {
            headers.insert("Origin", HeaderValue::from_str(origin).expect("a header"));
        }
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        match tungstenite::client::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, events: VecDeque::new(), requests: 0, closed: None }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(Refused(response.status().as_u16())),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// Sends a request and waits for its answer, the whole frame. Events that come first are kept.
    pub fn request(&mut self, kind: &str, data: Value) -> Value {
        let id = self.send_request(kind, data);
        self.answer(&id)
    }

    /// The same, and the answer's data. Panics when the answer is an error.
    pub fn ask(&mut self, kind: &str, data: Value) -> Value {
        let mut answer = self.request(kind, data);
        assert_eq!(answer.get("error"), None, "{kind} failed");
        answer["data"].take()
    }

    /// The same for a request that must fail: its error's code.
    pub fn ask_for_trouble(&mut self, kind: &str, data: Value) -> String {
        let answer = self.request(kind, data);
        answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{kind} did not fail: {answer}")).to_owned()
    }

    /// Sends a request without waiting, and returns its id.
    pub fn send_request(&mut self, kind: &str, data: Value) -> String {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        self.send_text(&json!({"id": id, "type": kind, "data": data}).to_string());
        id
    }

    /// Waits for the answer to a request that was sent.
    pub fn answer(&mut self, id: &str) -> Value {
        let is_answer = |frame: &Value| frame["id"] == id;
        if let Some(index) = self.events.iter().position(is_answer) {
            return self.events.remove(index).expect("just found");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.receive(deadline) {
                Some(frame) if is_answer(&frame) => return frame,
                Some(frame) => self.events.push_back(frame),
                None => panic!("no answer to {id}; closed: {:?}; kept: {:?}", self.closed, self.events),
            }
        }
    }

    /// The next frame that answers no request, in the order they came. `None` when there is none in time, or no more.
    pub fn next_event(&mut self, timeout: Duration) -> Option<Value> {
        self.events.pop_front().or_else(|| self.receive(Instant::now() + timeout))
    }

    /// Skips to the first event that is meant.
    pub fn wait_for(&mut self, what: &str, mut is_meant: impl FnMut(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        self.collect_until(&mut seen, &mut is_meant);
        seen.pop().filter(|last| is_meant(last)).unwrap_or_else(|| panic!("no {what} came; closed: {:?}", self.closed))
    }

    /// All events up to and with the first of this type.
    pub fn events_until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        self.collect_until(&mut seen, &mut |event| event["type"] == kind);
        assert!(seen.last().is_some_and(|last| last["type"] == kind), "no {kind} came after {seen:?}");
        seen
    }

    fn collect_until(&mut self, seen: &mut Vec<Value>, is_meant: &mut dyn FnMut(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(event) = self.next_event(deadline.saturating_duration_since(Instant::now())) {
            let found = is_meant(&event);
            seen.push(event);
            if found {
                return;
            }
        }
    }

    pub fn send_text(&mut self, text: &str) {
        self.send(Message::text(text));
    }

    /// Sends any frame. A socket that is closed already takes none, which is not this call's affair.
    pub fn send(&mut self, message: Message) {
        match self.socket.send(message) {
            Ok(()) | Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => {}
            Err(error) => panic!("cannot send: {error}"),
        }
    }

    /// Reads until the server closes: code and reason. 1006 when it went without a close frame.
    pub fn wait_closed(&mut self) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(frame) = self.receive(deadline) {
            self.events.push_back(frame);
        }
        self.closed.clone().expect("the server closed")
    }

    /// Says goodbye and waits for the server to do the same.
    pub fn close(mut self) -> (u16, String) {
        let _ = self.socket.close(None);
        self.wait_closed()
    }

    /// The connection itself, for tests that stop reading or break it.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    fn receive(&mut self, deadline: Instant) -> Option<Value> {
        loop {
            if self.closed.is_some() {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.get_ref().set_read_timeout(Some(left)).expect("a timeout");
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(frame)) => {
                    let said = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    let _ = self.socket.flush();
                    self.closed = Some(said);
                }
                Ok(_) => {}
                Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(_) => self.closed = Some((1006, String::new())),
            }
        }
    }
}
