//! The rendered text: patches, applied as they come, lead to what a page that comes later is given.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type};
use crate::support::upstream::Script;

const MARKDOWN: &str = "# Title\n\nA *first* paragraph with [a link][l] and `code`.\n\n- one\n- two\n  1. deep\n  2. deeper\n\n\
    | a | b |\n|---|---|\n| 1 | <script>alert(1)</script> |\n\n```rust\nfn main() {}\n```\n\nA note[^1] and 中文。\n\n\
    > quoted\n> again\n\n[l]: https://example.com\n\n[^1]: The note.\n\nThe end.\n";

/// The blocks of each message, as a page would have them in the end.
fn patched(events: &[Value], message: &Value) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for event in of_type(events, "text_delta") {
        if event["data"]["messageId"] == *message && event["data"].get("html").is_some() {
            let html = &event["data"]["html"];
            let from = usize::try_from(html["from"].as_u64().unwrap()).unwrap();
            assert!(from <= blocks.len(), "no block is left out: {from} of {}", blocks.len());
            blocks.truncate(from);
            blocks.extend(html["blocks"].as_array().unwrap().iter().map(chat::text_of));
        }
    }
    blocks
}

fn check(script: Script, text: &str) {
    let chat = Chat::with([script]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "show me");
    let data = json!({"imageId": image.id, "html": true});
    let page = client.ask("image_messages_request", data);
    let message = &page["messages"][1];
    assert_eq!(chat::said(message), text);
    let blocks: Vec<String> = message["content"][0]["blocks"].as_array().unwrap().iter().map(chat::text_of).collect();
    assert_eq!(patched(&events, &message["messageId"]), blocks);
    assert!(!blocks.concat().contains("<script"), "{blocks:?}");
    assert_eq!(page["messages"][0]["content"][0].get("blocks"), None, "a person's text is shown as it is");
}

#[test]
fn character_by_character() {
    let characters: Vec<String> = MARKDOWN.chars().map(String::from).collect();
    let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
    check(Script::deltas(&characters).slowly(Duration::from_millis(2)), MARKDOWN);
}

#[test]
fn all_at_once() {
    check(Script::text(MARKDOWN), MARKDOWN);
}

#[test]
fn as_it_comes_from_a_model() {
    let words: Vec<&str> = MARKDOWN.split_inclusive(' ').collect();
    check(Script::deltas(&words).slowly(Duration::from_millis(20)), MARKDOWN);
}

#[test]
fn a_message_that_is_cut_off_shows_all_that_came() {
    let words: Vec<&str> = MARKDOWN.split_inclusive(' ').collect();
    let chat = Chat::with([Script::deltas(&words).error_after(12, "overloaded_error", "Overloaded")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "show me");
    let page = client.ask("image_messages_request", json!({"imageId": image.id, "html": true}));
    let message = &page["messages"][1];
    let blocks: Vec<String> = message["content"][0]["blocks"].as_array().unwrap().iter().map(chat::text_of).collect();
    assert_eq!(patched(&events, &message["messageId"]), blocks);
}
