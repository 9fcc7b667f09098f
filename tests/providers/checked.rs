//! A key is checked before it is saved, and what cannot be checked says so.

use serde_json::{Value, json};

use super::{KEY, add, asked, second};
use crate::support::chat::{self, Chat};
use crate::support::run_with_input;

#[test]
fn a_key_that_is_refused_is_not_saved() {
    let chat = Chat::with([]);
    let other = second(&["m-1"]);
    other.lists_as("401 Unauthorized", json!({"error": {"message": format!("bad key {KEY}")}}));
    let body = json!({"name": "second", "kind": "openai", "url": other.url(), "key": KEY});
    let refused = add(&chat, &body);
    let said = refused.json();
    assert_eq!((refused.status, &said["code"]), (400, &json!("key_refused")), "{said}");
    assert!(!said.to_string().contains(KEY), "{said}");
    let arguments = ["provider", "add", "second", "--kind", "openai", "--url", &other.url()];
    let run = run_with_input(chat.server.command(&arguments), KEY);
    assert!(run.code == Some(2) && run.stderr.contains("does not accept our API key"), "{run:?}");
    assert!(!run.stderr.contains("topsecret"), "{run:?}");
    let left = asked(&chat.server, "GET", "", &chat.token, &Value::Null).json();
    assert_eq!(left["providers"].as_array().unwrap().len(), 1, "nothing was saved");
    let missing = add(&chat, &json!({"vendor": "deepseek"}));
    assert_eq!((missing.status, &missing.json()["code"]), (400, &json!("key_missing")));
}

#[test]
fn without_a_network_a_provider_is_saved_and_says_that_it_was_not_checked() {
    let chat = Chat::with([]);
    let saved = add(&chat, &json!({"name": "far", "kind": "openai", "url": "http://127.0.0.1:1", "key": KEY}));
    let said = saved.json();
    assert_eq!((saved.status, &said["checked"]), (201, &json!(false)), "{said}");
    let message = said["message"].as_str().unwrap();
    assert!(message.starts_with("Saved although it could not be checked: the server of `far`"), "{message}");
    let run = chat.server.run(&["provider", "test", "far"]);
    assert!(run.code == Some(1) && run.stdout.contains("fail  upstream"), "{run:?}");
    let tested = asked(&chat.server, "POST", "/far/test", &chat.token, &json!({})).json();
    assert_eq!((&tested["checked"], &tested["checks"][0]["status"]), (&json!(false), &json!("fail")), "{tested}");
    let doctor = chat.server.run(&["doctor", "--json"]);
    assert!(doctor.stdout.contains("the server of `far` cannot be reached"), "{}", doctor.stdout);
    assert!(!doctor.stdout.contains("topsecret"));
}

#[test]
fn what_is_wrong_is_said() {
    let chat = Chat::with([]);
    let other = second(&["m-1"]);
    let check = |body: Value, status: u16, code: &str| {
        let answer = add(&chat, &body);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{body}: {}", answer.text());
    };
    let url = other.url();
    check(json!({"name": "Bad Name", "kind": "openai", "url": url}), 400, "bad_provider_name");
    check(json!({"name": "x", "url": url}), 400, "missing_kind");
    check(json!({"name": "x", "kind": "telepathy", "url": url}), 400, "bad_kind");
    check(json!({"name": "x", "kind": "openai", "url": "nowhere"}), 400, "bad_url");
    check(json!({"name": "anthropic", "kind": "openai", "url": url}), 409, "provider_exists");
    assert_eq!(add(&chat, &json!({"name": "x", "kind": "openai", "url": url})).status, 201);
    check(json!({"name": "x", "kind": "openai", "url": url}), 409, "provider_exists");
    let fixed = asked(&chat.server, "PUT", "/anthropic", &chat.token, &json!({"model": "m"}));
    assert_eq!((fixed.status, &fixed.json()["code"]), (409, &json!("provider_of_settings")));
    let person = chat::register(&chat.server, "bob");
    for method in ["GET", "POST"] {
        assert_eq!(asked(&chat.server, method, "", &person, &json!({})).status, 403);
    }
}
