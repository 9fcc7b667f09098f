//! Which model answers: by conversation, by the person's last choice, and within what administrators allow.

use serde_json::{Value, json};

use super::{KEY, add, answer, asked, conversation_with, create_with, second};
use crate::support::chat::{self, Chat, Image};
use crate::support::http::Response;
use crate::support::judge;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

/// A chat with a second provider beside the first.
fn two() -> (Chat, Upstream) {
    let chat = Chat::with([]);
    chat.upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5"}, {"id": "claude-haiku-5-5"}]}));
    chat.upstream.always(|| Script::text("first"));
    let other = second(&["m-1", "m-2"]);
    let saved = add(&chat, &json!({"name": "second", "kind": "openai", "url": other.url(), "key": KEY}));
    assert_eq!(saved.status, 201, "{}", saved.text());
    chat.server.http().get("/api/models?refresh=1", Some(&chat.token));
    (chat, other)
}

fn policy(chat: &Chat, token: &str, body: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
    chat.server.http().request("PUT", "/api/admin/models", &headers, body.to_string().as_bytes())
}

fn offered(client: &mut Client) -> (Vec<String>, String) {
    let models = client.ask("models_request", json!({}))["models"].take();
    let ids = |is_wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
        models.as_array().unwrap().iter().filter(|one| is_wanted(one)).map(|one| chat::text_of(&one["id"])).collect()
    };
    (ids(&|_| true), ids(&|one| one["isDefault"] == true).join(","))
}

fn error_of(client: &mut Client, image: &Image) -> Value {
    let events = chat::chat(client, image, "hello");
    chat::of_type(&events, "error_occurred")[0]["data"].clone()
}

#[test]
fn the_last_choice_is_where_the_next_conversation_begins() {
    let (chat, _other) = two();
    let mut client = chat.socket();
    let record = |client: &mut Client| client.ask("image_create_request", json!({}))["record"].take();
    assert_eq!(record(&mut client)["model"], Value::Null, "nothing was chosen");
    let image = create_with(&mut client, &json!("second/m-2"));
    assert_eq!(record(&mut client)["model"], "second/m-2");
    assert_eq!(offered(&mut client).1, "second/m-2");
    let update = json!({"imageId": image.id, "updates": {"model": "anthropic/claude-haiku-5-5"}});
    client.ask("image_update_request", update);
    assert_eq!(record(&mut client)["model"], "anthropic/claude-haiku-5-5");
    let renamed = json!({"imageId": image.id, "updates": {"name": "x"}});
    client.ask("image_update_request", renamed);
    assert_eq!(record(&mut client)["model"], "anthropic/claude-haiku-5-5", "a name is no choice");
    let mut bob = Client::connect(chat.server.port(), &chat::register(&chat.server, "bob"));
    assert_eq!(record(&mut bob)["model"], Value::Null, "another person's choice");
    create_with(&mut client, &json!("second/m-1"));
    assert_eq!(asked(&chat.server, "DELETE", "/second", &chat.token, &Value::Null).status, 200);
    assert_eq!(record(&mut client)["model"], Value::Null, "it is gone");
    let gone = json!({"id": "claude-gone", "lifecycle": "retired", "retires_at": "2025-01-01T00:00:00Z"});
    chat.upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5"}, gone]}));
    assert_eq!(chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).status, 200);
    create_with(&mut client, &json!("anthropic/claude-gone"));
    assert_eq!(record(&mut client)["model"], Value::Null, "it is retired");
    assert_eq!(offered(&mut client).1, "anthropic/claude-sonnet-5-5");
}

#[test]
fn people_see_what_administrators_allow() {
    let (chat, _other) = two();
    let mut admin = chat.socket();
    let bob = chat::register(&chat.server, "bob");
    let mut person = Client::connect(chat.server.port(), &bob);
    let hidden = create_with(&mut person, &json!("anthropic/claude-haiku-5-5"));
    chat::subscribe(&mut person, &hidden, None);
    let all = ["anthropic/claude-sonnet-5-5", "anthropic/claude-haiku-5-5", "second/m-1", "second/m-2"];
    assert_eq!(offered(&mut person).0, all);
    assert_eq!(policy(&chat, &bob, &json!({"allowed": ["second/*"]})).status, 403);
    assert_eq!(policy(&chat, &chat.token, &json!({"allowed": ["nowhere/*"]})).status, 400);
    assert_eq!(policy(&chat, &chat.token, &json!({"allowed": ["second/*"]})).json()["allowed"], json!(["second/*"]));
    assert_eq!(offered(&mut person), (vec!["second/m-1".to_owned(), "second/m-2".to_owned()], "second/m-1".to_owned()));
    assert_eq!(offered(&mut admin).0, all);
    let error = error_of(&mut person, &hidden);
    assert_eq!(error["code"], "model_unavailable");
    assert!(error["hint"].as_str().unwrap().contains("second/m-1"), "{error}");
    let model = json!({"model": "claude-haiku-5-5"});
    assert_eq!(person.ask_for_trouble("image_create_request", model), "model_unavailable");
    assert_eq!(error["nextModel"], "second/m-1");
    let image = create_with(&mut person, &Value::Null);
    chat::subscribe(&mut person, &image, None);
    assert_eq!(answer(&mut person, &image), "second", "the default is hidden, so the first that is not");
    let run = chat.server.run(&["model", "allow", "--all"]);
    assert!(run.code == Some(0) && run.stdout.contains("allowed: all"), "{run:?}");
    assert_eq!(offered(&mut person).0, all);
    let run = chat.server.run(&["model", "default", "second/m-2"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let carol = chat::register(&chat.server, "carol");
    let mut other = Client::connect(chat.server.port(), &carol);
    assert_eq!(offered(&mut other).1, "second/m-2");
    let image = chat::create(&mut other);
    chat::subscribe(&mut other, &image, None);
    assert_eq!(answer(&mut other, &image), "second");
    let list = chat.server.run(&["model", "list", "-v"]);
    assert!(list.stdout.contains("second/m-2 *"), "{list:?}");
}

#[test]
fn a_model_that_is_gone_says_so_and_offers_the_next() {
    let (chat, _other) = two();
    chat.upstream.serves(&judge::MODELS);
    for model in ["claude-opus-3", "gone/m-1"] {
        let (mut client, image) = conversation_with(&chat, &json!(model));
        let error = error_of(&mut client, &image);
        assert_eq!(error["code"], "model_unavailable", "{error}");
        assert!(error["message"].as_str().unwrap().contains(model), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("claude-sonnet-5-5"), "{error}");
        assert_eq!(error["nextModel"], "anthropic/claude-sonnet-5-5", "{error}");
        let stored = &chat::messages(&mut client, &image)[1]["content"][0];
        assert_eq!(stored["nextModel"], error["nextModel"], "the same after a reload");
        let update = json!({"imageId": image.id, "updates": {"model": "anthropic/claude-sonnet-5-5"}});
        client.ask("image_update_request", update);
        let turn = chat::messages(&mut client, &image)[0]["turnId"].take();
        client.ask("turn_retry_request", json!({"imageId": image.id, "turnId": turn}));
        assert_eq!(chat::streamed(&client.events_until("conversation_end")), "first");
    }
    let asked_for: Vec<Value> = chat.upstream.requests().iter().map(|one| one.body["model"].clone()).collect();
    assert!(!asked_for.contains(&json!("gone/m-1")), "no provider lists it, so none is asked: {asked_for:?}");
}

#[test]
fn a_list_of_models_has_pages() {
    let chat = Chat::with([]);
    let other = Upstream::start();
    let page = |ids: &[&str], more: bool| {
        let data: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        json!({"data": data, "has_more": more, "last_id": ids.last()})
    };
    other.lists(page(&["c-1", "c-2"], true));
    other.lists_after("c-2", page(&["c-3"], true));
    other.lists_after("c-3", page(&["c-4"], false));
    let saved = add(&chat, &json!({"name": "many", "kind": "anthropic", "url": other.url(), "key": KEY})).json();
    assert_eq!(saved["models"], 4, "{saved}");
}
