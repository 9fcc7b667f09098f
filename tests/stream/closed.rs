//! A turn belongs to the server: no client has to watch.

use std::time::Duration;

use serde_json::json;

use crate::support::chat::{self, Chat, outline, seqs};
use crate::support::upstream::{Release, Script, Step};

#[test]
fn a_turn_goes_on_with_every_socket_closed() {
    let release = Release::default();
    let call = Script::tool_use("Hm.", "s", "toolu_1", "current_time", &["{}"]);
    let chat = Chat::with([call.pause_after(8, Step::WaitFor(release.clone())), Script::deltas(&["all ", "done"])]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "go");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    client.close();
    release.release();
    chat.upstream.wait_for_requests(2);
    let mut client = chat.socket();
    let stored = chat::settled(&mut client, &image);
    assert_eq!(stored.len(), 4);
    assert_eq!(outline(&stored)[3], ("assistant", "complete", "all done".to_owned()));
    // And what was missed can be had as events too.
    chat::subscribe(&mut client, &image, Some(0));
    let events = client.events_until("conversation_end");
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(chat::streamed(&events), "Let me look.all done");
}

#[test]
fn sending_is_enough() {
    let chat = Chat::with([Script::deltas(&["one ", "two"]).slowly(Duration::from_millis(20))]);
    let mut client = chat.socket();
    let image = chat::create(&mut client);
    // Gone in the very moment, without reading the answer.
    client.send_request("message_send_request", json!({"imageId": image.id, "content": "go"}));
    drop(client);
    chat.upstream.wait_for_requests(1);
    let mut client = chat.socket();
    let stored = chat::settled(&mut client, &image);
    assert_eq!(outline(&stored)[1], ("assistant", "complete", "one two".to_owned()));
    assert_eq!(stored.len(), 2, "no client had to acknowledge it, and it is stored once");
}
