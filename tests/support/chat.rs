//! People who chat: a server with a scripted upstream behind it, conversations, and what events and messages say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{Builder, Server};
use super::upstream::{Script, Upstream};
use super::wires::Wire;
use super::ws::Client;

pub const PASSWORD: &str = "secret123";

/// The real server, asking a model's server that does what the test tells it; and one account.
pub struct Chat {
    pub upstream: Upstream,
    pub server: Server,
    pub token: String,
}

/// A conversation's two names.
#[derive(Clone)]
pub struct Image {
    pub id: String,
    pub session: String,
}

impl Chat {
    /// With these answers, one for each question.
    pub fn with(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::built(Server::builder(), scripts)
    }

    pub fn built(builder: Builder, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::in_home(builder, tempfile::tempdir().unwrap(), scripts)
    }

    /// The same in a directory that the test has prepared.
    pub fn in_home(builder: Builder, home: TempDir, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::over(builder, home, Upstream::with(scripts))
    }

    /// The same over this wire.
    pub fn on(wire: Wire, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::speaking(wire, Server::builder(), tempfile::tempdir().unwrap(), Upstream::with(scripts))
    }

    /// The same, asking this upstream.
    pub fn over(builder: Builder, home: TempDir, upstream: Upstream) -> Self {
        Self::speaking(Wire::Anthropic, builder, home, upstream)
    }

    fn speaking(wire: Wire, builder: Builder, home: TempDir, upstream: Upstream) -> Self {
        // What other servers than Anthropic's list is not asked for first.
        let builder = match wire {
            Wire::Anthropic => builder,
            _ => builder.env("LLM_PROVIDER_MODEL", "model-of-the-test"),
        };
        let server = builder
            .env("LLM_PROVIDER", wire.provider())
            .env("LLM_PROVIDER_URL", &upstream.url())
            .env("LLM_PROVIDER_KEY", "key-of-the-test")
            .start_in(home);
        let token = register(&server, "alice");
        Self { upstream, server, token }
    }

    pub fn socket(&self) -> Client {
        Client::connect(self.server.port(), &self.token)
    }

    /// A socket with a new conversation that it follows.
    pub fn conversation(&self) -> (Client, Image) {
        let mut client = self.socket();
        let image = create(&mut client);
        subscribe(&mut client, &image, None);
        (client, image)
    }
}

/// A new account's token.
pub fn register(server: &Server, name: &str) -> String {
    let body = json!({"username": name, "password": PASSWORD});
    let response = server.http().post("/api/auth/register", None, &body);
    assert_eq!(response.status, 201, "{}", response.text());
    text_of(&response.json()["token"])
}

pub fn create(client: &mut Client) -> Image {
    let record = client.ask("image_create_request", json!({}))["record"].take();
    Image { id: text_of(&record["imageId"]), session: text_of(&record["sessionId"]) }
}

pub fn subscribe(client: &mut Client, image: &Image, after: Option<u64>) -> Value {
    client.ask("subscribe_request", json!({"sessionId": image.session, "afterSeq": after}))
}

/// Sends a message: `messageId` and `turnId`.
pub fn send(client: &mut Client, image: &Image, text: &str) -> Value {
    client.ask("message_send_request", json!({"imageId": image.id, "content": text}))
}

/// Sends a message, and everything up to the end of its turn.
pub fn chat(client: &mut Client, image: &Image, text: &str) -> Vec<Value> {
    send(client, image, text);
    client.events_until("conversation_end")
}

pub fn page(client: &mut Client, image: &Image) -> Value {
    client.ask("image_messages_request", json!({"imageId": image.id, "limit": 200}))
}

pub fn messages(client: &mut Client, image: &Image) -> Vec<Value> {
    page(client, image)["messages"].as_array().unwrap().clone()
}

pub fn interrupt(client: &mut Client, image: &Image) {
    client.ask("agent_interrupt_request", json!({"imageId": image.id}));
}

/// Waits until the last question is answered and nothing runs or waits; what is stored then.
pub fn settled(client: &mut Client, image: &Image) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut page = page(client, image);
        let answered = page["messages"].as_array().unwrap().last().is_some_and(|last| last["role"] != "user");
        if answered && page["running"].is_null() && page["queued"] == json!([]) {
            return page["messages"].as_array_mut().unwrap().drain(..).collect();
        }
        assert!(Instant::now() < deadline, "it never comes to rest: {page}");
        std::thread::sleep(Duration::from_millis(30)); // a socket may ask 50 times a second
    }
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

pub fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// The text that came in events.
pub fn streamed(events: &[Value]) -> String {
    of_type(events, "text_delta").iter().map(|event| event["data"]["text"].as_str().unwrap()).collect()
}

/// The text of a message.
pub fn said(message: &Value) -> String {
    let parts = message["content"].as_array().unwrap();
    parts.iter().filter(|part| part["type"] == "text").map(|part| part["text"].as_str().unwrap()).collect()
}

/// Who said what, and how far it got.
pub fn outline(messages: &[Value]) -> Vec<(&str, &str, String)> {
    let one = |message| said(message);
    messages
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["status"].as_str().unwrap(), one(message)))
        .collect()
}
