//! People: they register, connect and chat.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// Makes an account and returns its token.
pub fn register(port: u16, name: &str) -> String {
    let body = json!({ "username": name, "password": "secret1" }).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    write!(
        stream,
        "POST /api/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("is answered");
    let json = answer.split_once("\r\n\r\n").expect("has a body").1;
    let answer: Value = serde_json::from_str(json).expect("is JSON");
    answer["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

pub struct Socket(WebSocket<TcpStream>);

/// How a chat went, as its reader saw it.
#[derive(Default)]
pub struct Chat {
    pub first_delay: Option<Duration>,
    pub delays: Vec<Duration>,
    pub completed: bool,
}

/// What the time to a first token is made of.
#[derive(Default)]
pub struct FirstToken {
    pub all: Duration,
    /// Until the question was safe and acknowledged.
    pub commit: Duration,
    /// From there until the model's server had the whole request.
    pub ask: Duration,
    /// From there until that had written its first token.
    pub upstream: Duration,
    /// From there until the person had it.
    pub relay: Duration,
}

impl Socket {
    pub fn connect(port: u16, token: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        stream.set_nodelay(true).expect("sets");
        let url = format!("ws://localhost:{port}/ws?token={token}");
        Self(tungstenite::client(url, stream).expect("upgrades").0)
    }

    /// `None` where it is refused.
    pub fn try_connect(port: u16, token: &str) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        let url = format!("ws://localhost:{port}/ws?token={token}");
        tungstenite::client(url, stream).ok().map(|(socket, _)| Self(socket))
    }

    fn ask(&mut self, kind: &str, data: Value) -> Value {
        let request = json!({ "id": kind, "type": format!("{kind}_request"), "data": data });
        self.0.send(Message::text(request.to_string())).expect("sends");
        loop {
            let frame = self.next();
            if frame["id"] == kind {
                assert!(frame["error"].is_null(), "{kind}: {frame}");
                return frame["data"].clone();
            }
        }
    }

    /// The same where a refusal is an answer: then `None`.
    pub fn try_ask(&mut self, kind: &str, data: Value) -> Option<Value> {
        let request = json!({ "id": kind, "type": format!("{kind}_request"), "data": data });
        self.0.send(Message::text(request.to_string())).expect("sends");
        let frame = std::iter::repeat_with(|| self.next()).find(|frame| frame["id"] == kind)?;
        frame["error"].is_null().then(|| frame["data"].clone())
    }

    /// The same where anything may be the answer. False: the connection has ended.
    pub fn attack(&mut self, kind: &str, data: &Value) -> bool {
        self.send(kind, data);
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) if text.contains(&format!("\"id\":\"{kind}\"")) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Asks without waiting, for as long as that can be written.
    pub fn send(&mut self, kind: &str, data: &Value) {
        let request = json!({ "id": kind, "type": format!("{kind}_request"), "data": data });
        let _ = self.0.get_ref().set_write_timeout(Some(Duration::from_secs(2)));
        let _ = self.0.send(Message::text(request.to_string()));
    }

    pub fn write_raw(&mut self, bytes: &[u8]) {
        let _ = self.0.get_ref().set_write_timeout(Some(Duration::from_millis(100)));
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// Reads at most so many bytes, whatever they are.
    pub fn read_some(&mut self, bytes: usize) {
        let _ = self.0.get_ref().set_read_timeout(Some(Duration::from_millis(1)));
        if bytes > 0 {
            let _ = self.0.get_mut().read(&mut vec![0; bytes]);
        }
    }

    fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.read().expect("reads") {
                return serde_json::from_str(&text).expect("is JSON");
            }
        }
    }

    /// A new conversation that this socket follows.
    pub fn conversation(&mut self) -> Value {
        let id = self.ask("image_create", json!({}))["record"]["imageId"].clone();
        self.ask("subscribe", json!({ "imageId": id }));
        id
    }

    /// Asks, and reads on to the end of the answer; how long it took until the question was safe.
    pub fn acknowledged(&mut self, id: &Value, question: &str) -> Duration {
        let began = Instant::now();
        self.ask("message_send", json!({ "imageId": id, "content": question }));
        let delay = began.elapsed();
        while self.next()["type"] != "conversation_end" {}
        delay
    }

    /// From a question to the first token of its answer.
    pub fn first_token(&mut self, id: &Value, question: &str, epoch: Instant) -> FirstToken {
        let asked = epoch.elapsed();
        self.ask("message_send", json!({ "imageId": id, "content": question }));
        let safe = epoch.elapsed();
        let mut first = FirstToken::default();
        loop {
            let frame = self.next();
            let now = epoch.elapsed();
            let text = frame["data"]["text"].as_str().and_then(|text| text.strip_prefix('m'));
            if let Some((came, written)) = text.and_then(|text| text.split_once(' ')) {
                let at = |nanos: &str| Duration::from_nanos(nanos.trim().parse().unwrap_or_default());
                let (came, written) = (at(came), at(written));
                first = FirstToken {
                    all: now - asked,
                    commit: safe - asked,
                    ask: came.saturating_sub(safe),
                    upstream: written.saturating_sub(came),
                    relay: now.saturating_sub(written),
                };
            }
            if frame["type"] == "conversation_end" {
                return first;
            }
        }
    }

    /// One question in a conversation of its own, read to the end of its answer.
    pub fn chat(&mut self, question: &str, epoch: Instant) -> Chat {
        let id = self.ask("image_create", json!({}))["record"]["imageId"].clone();
        self.ask("subscribe", json!({ "imageId": id }));
        self.ask("message_send", json!({ "imageId": id, "content": question }));
        let mut chat = Chat::default();
        loop {
            let frame = self.next();
            let now = epoch.elapsed();
            match frame["type"].as_str() {
                Some("text_delta") => {
                    let written = frame["data"]["text"].as_str().and_then(|text| text.trim().strip_prefix('t'));
                    let Some(written) = written.and_then(|nanos| nanos.parse().ok()) else { continue };
                    let delay = now.saturating_sub(Duration::from_nanos(written));
                    chat.first_delay.get_or_insert(delay);
                    chat.delays.push(delay);
                }
                Some("conversation_end") => {
                    chat.completed = frame["data"]["reason"] == "completed";
                    self.ask("unsubscribe", json!({ "imageId": id }));
                    return chat;
                }
                _ => {}
            }
        }
    }
}
