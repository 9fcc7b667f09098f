//! What goes wrong with the model's server is told at once, in plain words, and what had come is kept.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type, outline, types};
use crate::support::server::Server;
use crate::support::upstream::{Script, Step};

/// The end of a failed turn: one error, then one end.
fn error_of(events: &[Value]) -> &Value {
    assert_eq!(of_type(events, "conversation_end").len(), 1);
    let [.., error, end] = events else { panic!("{events:?}") };
    assert_eq!((&end["type"], &end["data"]["reason"]), (&json!("conversation_end"), &json!("error")), "{events:?}");
    assert_eq!(error["type"], "error_occurred");
    assert_eq!(of_type(events, "error_occurred").len(), 1);
    &error["data"]
}

fn retry(client: &mut crate::support::ws::Client, image: &chat::Image, turn: &Value) -> Value {
    client.ask("turn_retry_request", json!({"imageId": image.id, "turnId": turn}))
}

fn overloaded() -> Script {
    Script::refusal(529, "overloaded_error", "Overloaded").header("retry-after", "0")
}

#[test]
fn a_key_that_is_refused() {
    let chat = Chat::with([Script::refusal(401, "authentication_error", "invalid x-api-key: key-of-the-test")]);
    let (mut client, image) = chat.conversation();
    let began = Instant::now();
    let sent = chat::send(&mut client, &image, "hello");
    let events = client.events_until("conversation_end");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let error = error_of(&events);
    assert_eq!((&error["code"], &error["recoverable"]), (&json!("upstream_auth"), &json!(true)));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("does not accept our API key"), "{message}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("LLM_PROVIDER_KEY")), "the way out: {error}");
    let stored = chat::messages(&mut client, &image);
    let part = json!({"type": "error", "code": error["code"], "message": error["message"], "hint": error["hint"]});
    assert_eq!((&stored[1]["role"], &stored[1]["content"]), (&json!("error"), &json!([part])));
    assert_eq!(chat.upstream.requests().len(), 1, "asking again would not help");
    assert!(!chat.server.stdout().contains("key-of-the-test") && !stored[1].to_string().contains("key-of-the-test"));

    // The key was mended: the same question is answered, and the error is history.
    chat.upstream.push(Script::text("Hello!"));
    assert_eq!(retry(&mut client, &image, &sent["turnId"]), sent);
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    assert_eq!(events[0]["type"], "conversation_start", "the question is no new message");
    let stored = chat::messages(&mut client, &image);
    let expected = [("user", "complete", "hello".to_owned()), ("assistant", "complete", "Hello!".to_owned())];
    assert_eq!(outline(&stored), expected);
    let again = json!({"imageId": image.id, "turnId": sent["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_retry_request", again), "turn_not_retryable");
}

#[test]
fn only_the_newest_turn_can_be_asked_again() {
    let chat = Chat::with([Script::refusal(401, "authentication_error", "no"), Script::text("yes")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "hello");
    client.events_until("conversation_end");
    chat::chat(&mut client, &image, "again");
    let data = json!({"imageId": image.id, "turnId": sent["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_retry_request", data), "turn_not_newest");
    let roles: Vec<Value> = chat.upstream.requests()[1].body["messages"].as_array().unwrap().clone();
    assert!(roles.iter().all(|turn| !turn.to_string().contains("does not accept")), "errors are for people only");
}

#[test]
fn a_provider_that_is_busy_is_asked_again() {
    let busy = Script::refusal(429, "rate_limit_error", "slow down").header("retry-after", "1");
    let chat = Chat::with([busy, Script::text("Here I am.")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "hello");
    let waiting = &of_type(&events, "upstream_retry")[0]["data"];
    assert_eq!(waiting["attempt"], 1);
    assert!((1000..=1300).contains(&waiting["delayMs"].as_u64().unwrap()), "{waiting}");
    assert!(waiting["reason"].as_str().unwrap().contains("slow down"), "{waiting}");
    assert_eq!(types(&events)[..3], ["message_persisted", "conversation_start", "upstream_retry"]);
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let requests = chat.upstream.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1), "as long as it asked for");
    assert_eq!(outline(&chat::messages(&mut client, &image))[1].2, "Here I am.");
}

#[test]
fn a_provider_that_stays_busy() {
    let chat = Chat::with([]);
    chat.upstream.always(overloaded);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "hello");
    assert_eq!(error_of(&events)["code"], "upstream_overloaded");
    let attempts: Vec<&Value> = of_type(&events, "upstream_retry").iter().map(|e| &e["data"]["attempt"]).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    assert_eq!(chat.upstream.requests().len(), 5);
    assert_eq!(chat::messages(&mut client, &image)[1]["role"], "error");
}

/// What had come is kept as interrupted, with the error behind it.
fn breaks_off(script: Script, code: &str) {
    let chat = Chat::with([script]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "hello");
    let events = client.events_until("conversation_end");
    assert_eq!(error_of(&events)["code"], code);
    assert_eq!(of_type(&events, "assistant_message").len(), 1);
    let stored = chat::messages(&mut client, &image);
    assert_eq!(outline(&stored)[1], ("assistant", "interrupted", "one two ".to_owned()));
    assert_eq!((stored.len(), &stored[2]["role"]), (3, &json!("error")));
    assert_eq!(chat.upstream.requests().len(), 1, "what has begun to arrive is not asked for again");

    chat.upstream.push(Script::text("all of it"));
    retry(&mut client, &image, &sent["turnId"]);
    client.events_until("conversation_end");
    let stored = chat::messages(&mut client, &image);
    assert_eq!(stored.len(), 2, "the first attempt is superseded: {stored:?}");
    assert_eq!(chat::said(&stored[1]), "all of it");
    let asked = &chat.upstream.requests()[1].body["messages"];
    assert_eq!(asked.as_array().unwrap().len(), 1, "nor is the model told of it: {asked}");
}

#[test]
fn an_error_in_the_middle_of_the_stream() {
    breaks_off(
        Script::deltas(&["one ", "two ", "three"]).error_after(4, "overloaded_error", "Overloaded"),
        "upstream_overloaded",
    );
}

#[test]
fn a_stream_that_just_ends() {
    breaks_off(Script::deltas(&["one ", "two ", "three"]).truncated_after(4), "upstream_broken_stream");
}

#[test]
fn a_connection_that_breaks_off() {
    breaks_off(Script::deltas(&["one ", "two ", "three"]).cut_after(4, Step::Close), "upstream_broken_stream");
}

#[test]
fn nonsense_instead_of_events() {
    let chat = Chat::with([Script::raw("text/event-stream", b"data: nonsense\n\n")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "hello");
    let error = error_of(&events);
    assert_eq!(error["code"], "upstream_bad_answer");
    assert!(error["hint"].as_str().unwrap().contains("LLM_PROVIDER_URL"), "{error}");
}

#[test]
fn no_server_listens_there() {
    // A port that was free a moment ago may be another test's by now; none of them can have this one.
    let server = Server::builder()
        .env("LLM_PROVIDER", "anthropic")
        .env("LLM_PROVIDER_URL", "http://127.0.0.1:1")
        .env("LLM_PROVIDER_KEY", "k")
        .start();
    let mut client = crate::support::ws::Client::connect(server.port(), &chat::register(&server, "alice"));
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    chat::send(&mut client, &image, "hello");
    let waiting = client.wait_for("a retry", |event| event["type"] == "upstream_retry");
    assert!(waiting["data"]["reason"].as_str().unwrap().contains("cannot be reached"), "{waiting}");
    chat::interrupt(&mut client, &image);
    client.events_until("conversation_end");
}

#[test]
fn no_key_is_set() {
    let server = Server::builder().env("LLM_PROVIDER", "anthropic").start();
    let token = chat::register(&server, "alice");
    assert_eq!(server.http().get("/health", None).status, 200);
    let info = server.http().get("/agentx/info", Some(&token)).json();
    assert_eq!((&info["provider"], &info["providerReady"]), (&json!("anthropic"), &json!(false)));
    assert!(info["notice"].as_str().unwrap().contains("LLM_PROVIDER_KEY"), "{info}");
    let mut client = crate::support::ws::Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    let events = chat::chat(&mut client, &image, "hello");
    let error = error_of(&events);
    assert_eq!(error["code"], "upstream_not_configured");
    assert!(error["hint"].as_str().unwrap().contains("LLM_PROVIDER_KEY"), "{error}");
    assert_eq!(chat::messages(&mut client, &image)[1]["content"][0]["code"], "upstream_not_configured");
}
