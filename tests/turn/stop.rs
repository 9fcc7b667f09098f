//! "Stop" means now: the turn ends within a second, whatever it is doing, and so does the upstream connection.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, of_type, outline};
use crate::support::upstream::{Script, Step};
use crate::support::ws::Client;

const AT_ONCE: Duration = Duration::from_secs(1);

/// Stops the turn: its last events, and when it was over.
fn stop(client: &mut Client, image: &Image) -> Vec<Value> {
    let began = Instant::now();
    chat::interrupt(client, image);
    let events = client.events_until("conversation_end");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(events.last().unwrap()["data"]["reason"], "interrupted");
    assert_eq!(of_type(&events, "error_occurred").len(), 0);
    events
}

/// The conversation works again.
fn goes_on(chat: &Chat, client: &mut Client, image: &Image) {
    chat.upstream.push(Script::text("next"));
    let events = chat::chat(client, image, "and now?");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    assert_eq!(chat::said(chat::messages(client, image).last().unwrap()), "next");
}

#[test]
fn while_it_streams() {
    let chat = Chat::with([Script::deltas(&["word "; 2000]).slowly(Duration::from_millis(10))]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "tell me");
    let mut text = String::new();
    for _ in 0..20 {
        let event = client.wait_for("a word", |event| event["type"] == "text_delta");
        text.push_str(event["data"]["text"].as_str().unwrap());
    }
    let at = Instant::now();
    let events = stop(&mut client, &image);
    assert!(chat.upstream.wait_for_close(0) < at + AT_ONCE, "upstream is hung up on");
    text.push_str(&chat::streamed(&events));
    let stored = chat::messages(&mut client, &image);
    assert_eq!(outline(&stored)[1..], [("assistant", "interrupted", text)], "everything that was seen is kept");
    assert_eq!(&stored[1], &of_type(&events, "assistant_message")[0]["data"]);
    goes_on(&chat, &mut client, &image);
    let stored = chat::messages(&mut client, &image);
    assert_eq!(stored.len(), 4);
    assert_eq!(stored[1]["turnId"], sent["turnId"]);
}

#[test]
fn while_upstream_hangs_in_the_middle() {
    let chat = Chat::with([Script::deltas(&["one ", "two"]).pause_after(4, Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "tell me");
    client.wait_for("the second word", |event| event["data"]["text"] == "two");
    let at = Instant::now();
    stop(&mut client, &image);
    assert!(chat.upstream.wait_for_close(0) < at + AT_ONCE);
    assert_eq!(outline(&chat::messages(&mut client, &image))[1], ("assistant", "interrupted", "one two".to_owned()));
    goes_on(&chat, &mut client, &image);
}

#[test]
fn while_upstream_has_not_even_answered() {
    let chat = Chat::with([Script::text("never").before(Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "tell me");
    chat.upstream.wait_for_requests(1);
    let at = Instant::now();
    stop(&mut client, &image);
    assert!(chat.upstream.wait_for_close(0) < at + AT_ONCE);
    assert_eq!(chat::messages(&mut client, &image).len(), 1, "there is nothing to keep");
    goes_on(&chat, &mut client, &image);
}

#[test]
fn while_it_waits_to_ask_again() {
    let busy = Script::refusal(529, "overloaded_error", "Overloaded").header("retry-after", "30");
    let chat = Chat::with([busy]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "tell me");
    client.wait_for("the back-off", |event| event["type"] == "upstream_retry");
    stop(&mut client, &image);
    assert_eq!(chat::messages(&mut client, &image).len(), 1);
    goes_on(&chat, &mut client, &image);
    assert_eq!(chat.upstream.requests().len(), 2, "it did not come back");
}

#[test]
fn while_it_waits_for_its_turn() {
    let chat = Chat::with((0..8).map(|_| Script::text("never").before(Step::Hang)));
    let mut client = chat.socket();
    for _ in 0..8 {
        let image = chat::create(&mut client);
        chat::send(&mut client, &image, "busy");
    }
    chat.upstream.wait_for_requests(8);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    let sent = chat::send(&mut client, &image, "me too");
    assert_eq!(chat::page(&mut client, &image)["queued"], json!([sent["turnId"]]), "eight at once, this one waits");
    stop(&mut client, &image);
    let page = chat::page(&mut client, &image);
    assert_eq!((&page["queued"], &page["running"]), (&json!([]), &Value::Null));
    assert_eq!(chat.upstream.requests().len(), 8);

    // It can be asked again once there is room.
    let records = client.ask("image_list_request", json!({}))["records"].take();
    let busy = records.as_array().unwrap().iter().find(|record| record["name"] == "busy").unwrap();
    client.ask("agent_interrupt_request", json!({"imageId": busy["imageId"]}));
    chat.upstream.push(Script::text("here you are"));
    client.ask("turn_retry_request", json!({"imageId": image.id, "turnId": sent["turnId"]}));
    client.events_until("conversation_end");
    assert_eq!(chat::said(&chat::messages(&mut client, &image)[1]), "here you are");
}

#[test]
fn by_another_socket_and_twice() {
    let chat = Chat::with([Script::deltas(&["one "]).pause_after(3, Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "tell me");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    let mut other = chat.socket();
    chat::interrupt(&mut other, &image);
    chat::interrupt(&mut other, &image);
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "interrupted");
    chat::interrupt(&mut client, &image);
    assert_eq!(client.next_event(Duration::from_millis(100)), None, "the end is announced once");
    goes_on(&chat, &mut client, &image);
}
