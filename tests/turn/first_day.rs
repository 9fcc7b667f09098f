//! A fresh install with nothing but a valid key, against a server that refuses what Anthropic refuses today.

use crate::support::chat::{self, Chat};
use crate::support::judge;
use crate::support::upstream::Script;

#[test]
fn a_key_is_all_that_is_needed_for_an_answer() {
    let call = Script::tool_use("Which tool?", "c2ln", "toolu_1", "current_time", &["{}"]);
    let chat = Chat::with([Script::text("Hello!"), call, Script::text("Noon.")]);
    chat.upstream.serves(&judge::MODELS);
    let (mut client, image) = chat.conversation();
    for (question, answer) in [("hello", "Hello!"), ("what time is it?", "Noon.")] {
        chat::chat(&mut client, &image, question);
        assert_eq!(chat::said(chat::messages(&mut client, &image).last().unwrap()), answer);
    }
    assert_eq!(chat.upstream.requests().len(), 3, "no request was refused");
}

#[test]
fn half_an_emoji_in_a_question_is_no_reason_to_refuse_it() {
    let chat = Chat::with([Script::text("I see.")]);
    let (mut client, image) = chat.conversation();
    let data = format!(r#"{{"imageId":"{}","content":"ok \ud83d and \ud83d\ude00"}}"#, image.id);
    client.send_text(&format!(r#"{{"id":"1","type":"message_send_request","data":{data}}}"#));
    client.events_until("conversation_end");
    assert_eq!(chat::said(&chat::messages(&mut client, &image)[0]), "ok \u{fffd} and 😀");
}
