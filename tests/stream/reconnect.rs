//! Coming back: what was missed comes first, in order, and nothing twice.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, seqs, streamed};
use crate::support::upstream::Script;

fn words(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("word{n} ")).collect()
}

fn slow_answer(words: &[String]) -> Script {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Script::deltas(&words).slowly(Duration::from_millis(4))
}

#[test]
fn again_and_again_in_the_middle_of_a_stream() {
    let words = words(200);
    let chat = Chat::with([slow_answer(&words)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "go");
    let mut events: Vec<Value> = Vec::new();
    let mut connections = 1;
    while events.last().is_none_or(|event| event["type"] != "conversation_end") {
        if events.len() > connections * 23 {
            connections += 1;
            if connections % 2 == 0 {
                client.close(); // with a goodbye, or just gone
            }
            client = chat.socket();
            let after = events.last().unwrap()["seq"].as_u64();
            let subscribed = chat::subscribe(&mut client, &image, after);
            assert_eq!(subscribed.get("resync"), None, "{subscribed}");
            assert!(subscribed["latestSeq"].as_u64() >= after);
        }
        events.push(client.next_event(Duration::from_secs(20)).unwrap());
    }
    assert!(connections > 5, "{connections}");
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>(), "no hole, nothing twice");
    assert_eq!(streamed(&events), words.concat());
}

#[test]
fn a_position_that_is_no_longer_held_means_loading_again() {
    let chat = Chat::with([Script::text("yes")]);
    let (mut client, image) = chat.conversation();
    let last = chat::chat(&mut client, &image, "go").pop().unwrap()["seq"].as_u64().unwrap();
    for (after, resync) in [(last + 1, true), (u64::MAX, true), (last, false), (0, false)] {
        let mut client = chat.socket();
        let subscribed = chat::subscribe(&mut client, &image, Some(after));
        assert_eq!(subscribed["latestSeq"], last);
        assert_eq!(subscribed.get("resync") == Some(&json!(true)), resync, "after {after}: {subscribed}");
        if after == last || resync {
            assert_eq!(client.next_event(Duration::from_millis(30)), None, "nothing of the past comes");
        }
    }
    let mut client = chat.socket();
    let data = json!({"imageId": image.id, "afterSeq": -1});
    assert_eq!(client.ask_for_trouble("subscribe_request", data), "invalid_data");
}

#[test]
fn too_long_ago() {
    // More events than are held: the place of long ago is gone.
    let words = words(6000);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let chat = Chat::with([Script::deltas(&words)]);
    let mut client = chat.socket();
    let image = chat::create(&mut client);
    chat::send(&mut client, &image, "go");
    let stored = chat::settled(&mut client, &image);
    assert_eq!(chat::said(&stored[1]), words.concat());
    let mut late = chat.socket();
    let subscribed = chat::subscribe(&mut late, &image, Some(1));
    assert_eq!(subscribed["resync"], true, "{subscribed}");
    assert_eq!(subscribed["latestSeq"], chat::page(&mut late, &image)["seq"]);
    chat.upstream.push(Script::text("live"));
    let events = chat::chat(&mut late, &image, "and now?");
    assert_eq!(events[0]["seq"].as_u64().unwrap(), subscribed["latestSeq"].as_u64().unwrap() + 1);
    assert_eq!(streamed(&events), "live");
}

#[test]
fn subscribing_again_on_the_same_socket_starts_anew() {
    let chat = Chat::with([Script::text("yes")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    for _ in 0..3 {
        chat::subscribe(&mut client, &image, Some(0));
        assert_eq!(client.events_until("conversation_end"), events);
    }
    assert_eq!(client.next_event(Duration::from_millis(30)), None);
}

#[test]
fn an_orderly_restart_leaves_nothing_to_load_again() {
    let mut chat = Chat::with([Script::text("one"), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    let last = chat::chat(&mut client, &image, "go").pop().unwrap()["seq"].as_u64().unwrap();
    chat.server.restart();
    assert_eq!(client.wait_closed().0, 1001);
    let mut client = chat.socket();
    let subscribed = chat::subscribe(&mut client, &image, Some(last));
    assert_eq!(subscribed, json!({"sessionId": image.session, "latestSeq": last}));
    let events = chat::chat(&mut client, &image, "and now?");
    assert_eq!(events[0]["seq"], last + 1, "counting goes on");
}
