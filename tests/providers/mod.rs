//! Several providers at once: added, changed and removed in the page and by command while the server runs.

mod added;
mod checked;
mod context;
mod chosen;
mod keys;
mod efforts;
mod learned;
mod retired;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image};
use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

const KEY: &str = "sk-of-the-second-topsecret-wxyz";

/// An OpenAI-compatible server that lists these models and answers with its name.
fn second(models: &[&str]) -> Upstream {
    let upstream = Upstream::start();
    upstream.lists(json!({"data": models.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()}));
    upstream.always(|| Script::chunks(&[r#"{"choices":[{"delta":{"content":"second"},"finish_reason":"stop"}]}"#]));
    upstream
}

fn asked(server: &Server, method: &str, path: &str, token: &str, body: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.http().request(method, &format!("/api/admin/providers{path}"), &headers, body.as_bytes())
}

fn add(chat: &Chat, body: &Value) -> Response {
    asked(&chat.server, "POST", "", &chat.token, body)
}

/// A conversation with this model, followed by its socket.
fn conversation_with(chat: &Chat, model: &Value) -> (Client, Image) {
    let mut client = chat.socket();
    let image = create_with(&mut client, model);
    chat::subscribe(&mut client, &image, None);
    (client, image)
}

fn create_with(client: &mut Client, model: &Value) -> Image {
    let record = client.ask("image_create_request", json!({"model": model}))["record"].take();
    Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) }
}

fn answer(client: &mut Client, image: &Image) -> String {
    chat::streamed(&chat::chat(client, image, "hello"))
}
