//! A key goes in, and nothing but its end comes out; it goes to no address that it was not given for.

use serde_json::{Value, json};

use super::{KEY, add, asked, second};
use crate::support::chat::Chat;
use crate::support::people::sql;

#[test]
fn a_key_is_changed_and_never_shown() {
    let chat = Chat::with([]);
    let (other, elsewhere) = (second(&["m-1"]), second(&["m-1"]));
    assert_eq!(add(&chat, &json!({"name": "x", "kind": "openai", "url": other.url(), "key": KEY})).status, 201);
    let change = |body: Value| asked(&chat.server, "PUT", "/x", &chat.token, &body);
    let moved = change(json!({"url": elsewhere.url()}));
    assert_eq!((moved.status, &moved.json()["code"]), (400, &json!("key_needed")), "it would go to another server");
    assert_eq!(change(json!({"model": "m-1"})).json()["provider"]["model"], "m-1");
    let changed = change(json!({"url": elsewhere.url(), "key": "sk-another-topsecret-5678"})).json();
    assert_eq!((&changed["provider"]["key"], &changed["provider"]["url"]), (&json!("…5678"), &json!(elsewhere.url())));
    let list = asked(&chat.server, "GET", "", &chat.token, &Value::Null);
    assert!(!list.text().contains("topsecret"), "{}", list.text());
    let first = &list.json()["providers"][0];
    assert_eq!((&first["source"], &first["readOnly"], &first["key"]), (&json!("settings"), &json!(true), &json!("…")));
    let vendors = list.json()["vendors"].as_array().unwrap().len();
    assert!(vendors > 15, "{vendors} vendors to choose from");
    assert!(!std::fs::read_to_string(chat.server.log_file()).unwrap().contains("topsecret"));
    assert_eq!(sql(&chat.server, "SELECT apiKey FROM providers"), "sk-another-topsecret-5678", "so a backup has it");
    assert_eq!(change(json!({"key": null})).json()["provider"]["key"], Value::Null);
}
