//! A page that is opened in the middle: the messages, and then the events behind their `seq`, are the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, streamed};
use crate::support::server::{Builder, Server};
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// What a client that joins now sees in the end: the texts of the messages they load, and what comes after them. Told
/// by the message; a person's messages too.
fn come_in(mut client: Client, image: &Image) -> BTreeMap<String, String> {
    let page = chat::page(&mut client, image);
    let seq = page["seq"].as_u64().unwrap();
    let subscribed = chat::subscribe(&mut client, image, Some(seq));
    assert_eq!(subscribed.get("resync"), None, "{subscribed}");
    let mut seen = BTreeMap::new();
    for message in page["messages"].as_array().unwrap().iter().filter(|message| message["role"] != "tool") {
        seen.insert(chat::text_of(&message["messageId"]), chat::said(message));
    }
    // Whatever still comes; the end that is watched for is that of the last turn.
    let mut expected = seq + 1;
    while let Some(event) = client.next_event(Duration::from_secs(5)) {
        assert_eq!(event["seq"], expected, "no hole");
        expected += 1;
        let data = &event["data"];
        match event["type"].as_str().unwrap() {
            "message_persisted" => {
                seen.insert(chat::text_of(&data["messageId"]), chat::said(data));
            }
            "text_delta" => {
                seen.entry(chat::text_of(&data["messageId"])).or_default().push_str(data["text"].as_str().unwrap())
            }
            _ => {}
        }
    }
    seen
}

fn stored(client: &mut Client, image: &Image) -> BTreeMap<String, String> {
    let one = |message: &Value| (chat::text_of(&message["messageId"]), chat::said(message));
    chat::settled(client, image).iter().filter(|message| message["role"] != "tool").map(one).collect()
}

/// One tab for each moment: more than people open.
fn many_tabs() -> Builder {
    Server::builder().env("SOCKETS_PER_USER", "0")
}

fn check(chat: &Chat, image: &Image, moments: u64, every: Duration, disturb: impl FnOnce(&mut Client)) {
    let mut client = chat.socket();
    let seen: Vec<_> = std::thread::scope(|scope| {
        let late: Vec<_> = (0..moments)
            .map(|n| {
                let client = chat.socket();
                scope.spawn(move || {
                    std::thread::sleep(every * u32::try_from(n).unwrap());
                    come_in(client, image)
                })
            })
            .collect();
        disturb(&mut client);
        late.into_iter().map(|late| late.join().unwrap()).collect()
    });
    let whole = stored(&mut client, image);
    for (n, seen) in seen.into_iter().enumerate() {
        assert_eq!(seen, whole, "coming at moment {n}");
    }
}

#[test]
fn at_any_moment_of_a_stream() {
    let words: Vec<String> = (0..120).map(|n| format!("word{n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let chat = Chat::built(many_tabs(), [Script::deltas(&words).slowly(Duration::from_millis(5))]);
    let (_watcher, image) = chat.conversation();
    check(&chat, &image, 30, Duration::from_millis(25), |client| {
        chat::send(client, &image, "go");
    });
}

#[test]
fn while_tools_are_called_and_others_send() {
    let chat = Chat::built(many_tabs(), []);
    let count = std::sync::atomic::AtomicUsize::new(0);
    chat.upstream.always(move || match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
        2 => Script::deltas(&["done ", "now"]),
        n => Script::tool_use("Hm.", "s", &format!("toolu_{n}"), "current_time", &["{}"]),
    });
    let (_watcher, image) = chat.conversation();
    check(&chat, &image, 40, Duration::from_millis(8), |client| {
        for n in 0..12 {
            chat::send(client, &image, &format!("q{n}"));
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn the_turn_can_be_watched_from_its_first_event() {
    let chat = Chat::built(
        many_tabs(),
        [Script::text("earlier"), Script::deltas(&["a "; 60]).slowly(Duration::from_millis(10))],
    );
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "first");
    chat::send(&mut client, &image, "go");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    let subscribed = chat.socket().ask("subscribe_request", json!({"imageId": image.id}));
    let turn = subscribed["turnSeq"].as_u64().expect("a turn is running");
    let mut late = chat.socket(); // another one: the first got what was written meanwhile
    chat::subscribe(&mut late, &image, Some(turn));
    let events = late.events_until("conversation_end");
    assert_eq!(chat::types(&events)[..2], ["message_persisted", "conversation_start"]);
    assert_eq!(streamed(&events), "a ".repeat(60));
}
