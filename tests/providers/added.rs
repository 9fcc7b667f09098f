//! A provider that was added answers at once, without a restart.

use serde_json::{Value, json};

use super::{KEY, add, answer, asked, conversation_with, second};
use crate::support::chat::{self, Chat};
use crate::support::run_with_input;
use crate::support::upstream::{Release, Script, Step};

#[test]
fn two_providers_answer_side_by_side() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("first"));
    let other = second(&["m-1", "m-2"]);
    let saved = add(&chat, &json!({"name": "second", "kind": "openai", "url": other.url(), "key": KEY}));
    assert_eq!(saved.status, 201, "{}", saved.text());
    let saved = saved.json();
    assert_eq!((&saved["checked"], &saved["models"]), (&json!(true), &json!(2)));
    for (model, said) in [(Value::Null, "first"), (json!("second/m-2"), "second"), (json!("claude-x"), "first")] {
        let (mut client, image) = conversation_with(&chat, &model);
        assert_eq!(answer(&mut client, &image), said, "{model}");
    }
    let request = &other.requests()[0];
    assert_eq!(
        (&request.body["model"], request.header("authorization")),
        (&json!("m-2"), Some(&*format!("Bearer {KEY}")))
    );
    assert_eq!(chat.upstream.requests()[1].body["model"], "claude-x");
    let models = chat.server.http().get("/api/models", Some(&chat.token)).json();
    let ids: Vec<&str> = models["models"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["anthropic/claude-sonnet-5-5", "second/m-1", "second/m-2"]);
}

#[test]
fn a_command_beside_a_running_server_counts_at_the_next_question() {
    let chat = Chat::with([]);
    let other = second(&["m-1"]);
    let arguments = ["provider", "add", "second", "--kind", "openai", "--url", &other.url(), "--json"];
    let run = run_with_input(chat.server.command(&arguments), &format!("{KEY}\n"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&said["provider"]["key"], &said["check"]["checked"]), (&json!("…wxyz"), &json!(true)));
    let (mut client, image) = conversation_with(&chat, &json!("second/"));
    assert_eq!(answer(&mut client, &image), "second", "its first model is its default");
    assert_eq!(chat.server.run(&["provider", "test", "second"]).code, Some(0));
    let list = chat.server.run(&["provider", "list"]);
    assert!(list.stdout.contains("second") && list.stdout.contains("…wxyz"), "{}", list.stdout);
    assert!(!list.stdout.contains(KEY) && !std::fs::read_to_string(chat.server.log_file()).unwrap().contains(KEY));
    assert_eq!(chat.server.run(&["provider", "remove", "second"]).code, Some(0));
    let left = asked(&chat.server, "GET", "", &chat.token, &Value::Null).json();
    assert_eq!(left["providers"].as_array().unwrap().len(), 1, "{left}");
    let log = std::fs::read_to_string(chat.server.log_file()).unwrap();
    for action in ["add", "test", "remove"] {
        let line = format!("action=provider.{action} by=operator on=provider:second");
        assert!(log.contains(&line), "no line {line}");
    }
}

#[test]
fn an_answer_that_is_being_written_goes_on_when_its_provider_is_removed() {
    let chat = Chat::with([]);
    let other = second(&["m-1"]);
    let release = Release::default();
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"current_time","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    other.push(Script::chunks(&[call]).before(Step::WaitFor(release.clone())));
    assert_eq!(add(&chat, &json!({"name": "second", "kind": "openai", "url": other.url(), "key": KEY})).status, 201);
    let (mut client, image) = conversation_with(&chat, &json!("second/m-1"));
    chat::send(&mut client, &image, "what time is it?");
    other.wait_for_requests(1);
    assert_eq!(asked(&chat.server, "DELETE", "/second", &chat.token, &Value::Null).status, 200);
    release.release();
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    assert_eq!(chat::streamed(&events), "second", "also the round after the tool");
    assert_eq!(asked(&chat.server, "DELETE", "/second", &chat.token, &Value::Null).status, 404);
}

#[test]
fn a_first_key_is_given_in_the_page() {
    let server = crate::support::server::Server::builder().env("LLM_PROVIDER", "anthropic").start();
    let token = chat::register(&server, "alice");
    let person = chat::register(&server, "bob");
    let info = |token: &str| server.http().get("/agentx/info", Some(token)).json();
    assert_eq!((&info(&token)["setupNeeded"], &info(&person)["setupNeeded"]), (&json!(true), &json!(false)));
    let notice = info(&person)["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains("administrator") && !notice.contains("LLM_"), "{notice}");
    let mut client = crate::support::ws::Client::connect(server.port(), &person);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    let events = chat::chat(&mut client, &image, "hello");
    let error = &chat::of_type(&events, "error_occurred")[0]["data"];
    assert_eq!((&error["code"], &error["hint"]), (&json!("upstream_not_configured"), &json!(notice)));
    let upstream = crate::support::upstream::Upstream::start();
    upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5"}]}));
    upstream.always(|| Script::text("hello"));
    let body = json!({"vendor": "anthropic", "url": upstream.url(), "key": KEY});
    let saved = asked(&server, "POST", "", &token, &body);
    assert_eq!(saved.status, 201, "{}", saved.text());
    assert_eq!(saved.json()["provider"]["isDefault"], true, "the settings have no key, so this one counts");
    assert_eq!((&info(&token)["providerReady"], &info(&token)["notice"]), (&json!(true), &Value::Null));
    assert_eq!(answer(&mut client, &image), "hello");
}
