//! Pictures of tools: kept as files, shown to people as links, and to models that can look at them.

use serde_json::{Value, json};

use super::server::GIF;
use super::{chat, declare, declared, tested};
use crate::support::chat::{self, Chat, of_type};
use crate::support::upstream::Script;
use crate::support::wires::Wire;

/// The request that follows a call of the tool `picture`, and what people learn of it.
fn sent_after(wire: Wire, marker: &str) -> (Value, Vec<Value>) {
    let chat = Chat::on(wire, [wire.call("fake__picture", "{}"), wire.text(&["I see."])]);
    declare(&chat.server.data_dir(), json!({"fake": declared("legacy", marker)}));
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{wire:?}: {events:?}");
    let requests = chat.upstream.requests();
    (requests.iter().rfind(|request| request.method == "POST").unwrap().body.clone(), events)
}

fn last(list: &Value) -> &Value {
    list.as_array().unwrap().last().unwrap()
}

#[test]
fn each_wire_carries_them_in_its_own_form() {
    let url = format!("data:image/gif;base64,{GIF}");
    let said = "[The pictures that fake__picture has returned]";

    let (body, events) = sent_after(Wire::Anthropic, "47001");
    let result = &last(&body["messages"])["content"][0];
    assert_eq!((&result["type"], &result["content"][0]["type"]), (&json!("tool_result"), &json!("text")));
    let source = json!({"type": "base64", "media_type": "image/gif", "data": GIF});
    assert_eq!(result["content"][1], json!({"type": "image", "source": source}));
    let file = &of_type(&events, "tool_result")[0]["data"]["files"][0];
    assert!(file["path"].as_str().unwrap().starts_with("tool-results/"), "{file}");
    assert_eq!((&file["mediaType"], &file["size"]), (&json!("image/gif"), &json!(42)));

    let (body, _) = sent_after(Wire::Chat, "47002");
    let content = &last(&body["messages"])["content"];
    assert_eq!((&content[0]["text"], &content[1]["image_url"]["url"]), (&json!(said), &json!(url)));

    let (body, _) = sent_after(Wire::Responses, "47003");
    let content = &last(&body["input"])["content"];
    assert_eq!((&content[0]["text"], &content[1]["image_url"]), (&json!(said), &json!(url)));

    let (body, _) = sent_after(Wire::Ollama, "47004");
    let message = last(&body["messages"]);
    assert_eq!((&message["content"], &message["images"]), (&json!(said), &json!([GIF])));
}

#[test]
fn a_model_that_refuses_them_gets_a_sentence() {
    let refusal = Script::refusal(400, "invalid_request_error", "this model does not take image input");
    let wire = Wire::Anthropic;
    let scripts = [wire.call("fake__picture", "{}"), refusal, Script::text("Kept, then.")];
    let chat = chat(json!({"fake": declared("legacy", "47005")}), scripts);
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let body = &chat.upstream.requests().pop().unwrap().body;
    let content = chat::text_of(&last(&body["messages"])["content"][0]["content"]);
    assert!(content.starts_with("[a picture, kept as tool-results/"), "{content}");
    let messages = chat::messages(&mut client, &image);
    let tool = messages.iter().find(|message| message["role"] == "tool").unwrap();
    assert_eq!(tool["content"][1]["type"], "work-file", "{tool}");
    let path = chat::text_of(&tool["content"][1]["path"]);
    let url = format!("/api/files?imageId={}&path={path}", image.id);
    let answer = chat.server.http().get(&url, Some(&chat.token));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")));
}

#[test]
fn what_is_no_whole_picture_is_kept_and_not_sent() {
    let scripts = [super::call("t1", "fake__torn", &json!({})), Script::text("Done.")];
    let chat = chat(json!({"fake": declared("legacy", "47006")}), scripts);
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let result = &of_type(&events, "tool_result")[0]["data"];
    assert!(result["result"].as_str().unwrap().contains("kept as tool-results/"), "{result}");
    assert_eq!(result["files"][0]["mediaType"], "application/octet-stream");
    let body = chat.upstream.requests().pop().unwrap().body;
    assert!(last(&body["messages"])["content"][0]["content"].is_string(), "{body}");
}
