//! A fresh install with nothing but a valid key, against a server that refuses what Anthropic refuses today.

use serde_json::json;

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

#[test]
fn what_the_provider_says_of_a_model_decides_how_it_is_asked() {
    let chat = Chat::with([Script::thinking(&["Hm."], "c2ln", "Hello!")]);
    let supported = |is: bool| json!({"supported": is});
    let capabilities = json!({"thinking": {"supported": true, "types": {"adaptive": supported(true)}},
        "image_input": supported(true), "pdf_input": supported(false)});
    chat.upstream.lists(json!({"has_more": false, "data": [
        {"id": "claude-old", "display_name": "Old", "lifecycle": "deprecated", "retires_at": "2026-12-24T00:00:00Z"},
        {"id": "claude-sonnet-5-5", "display_name": "Sonnet 5.5", "lifecycle": "active", "max_input_tokens": 1_000_000,
            "max_tokens": 128_000, "capabilities": capabilities}]}));
    // The server may have asked before the test had set the list.
    let mut models = chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json()["models"].take();
    if models.as_array().is_some_and(|models| models.len() == 1) {
        models = chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json()["models"].take();
    }
    assert_eq!(
        models[1],
        json!({"id": "anthropic/claude-sonnet-5-5", "provider": "anthropic", "name": "Sonnet 5.5",
        "isDefault": true, "contextTokens": 1_000_000, "images": true, "files": false, "tools": null, "thinking": true,
        "lifecycle": "active"})
    );
    assert_eq!((&models[0]["retiresAt"], &models[0]["isDefault"]), (&json!("2026-12-24T00:00:00Z"), &json!(false)));
    assert_eq!(chat.server.http().get("/api/models", None).status, 401);

    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hello");
    let asked = &chat.upstream.requests()[0].body;
    assert_eq!(asked["thinking"], json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(asked["max_tokens"], 128_000);
}
