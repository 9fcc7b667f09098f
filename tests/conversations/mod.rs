//! Conversations over the WebSocket: what can be asked, what is answered, and that they are private to their owner.

mod frames;
mod handshake;
mod limits;
mod listing;
mod ownership;
mod requests;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::ws::Client;

/// The demo server and the token of its first account.
fn demo() -> (Server, String) {
    let server = Server::start();
    let token = crate::support::chat::register(&server, "alice");
    (server, token)
}

fn connected() -> (Server, Client) {
    let (server, token) = demo();
    let client = Client::connect(server.port(), &token);
    (server, client)
}

fn names(client: &mut Client, data: Value) -> Vec<String> {
    let answer = client.ask("image_list_request", data);
    answer["records"].as_array().unwrap().iter().map(|record| record["name"].as_str().unwrap().to_owned()).collect()
}

fn create_named(client: &mut Client, name: &str) -> Value {
    client.ask("image_create_request", json!({"name": name}))["record"].take()
}

/// A record as lists have it.
fn listed(record: &Value) -> Value {
    let mut record = record.clone();
    for only_alone in ["systemPrompt", "tools"] {
        record.as_object_mut().unwrap().remove(only_alone);
    }
    record
}

/// The names of an object's fields.
fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
