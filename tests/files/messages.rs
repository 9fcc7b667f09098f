//! Files in messages: as people see them, as models get them, and what is refused before it is sent.

use serde_json::{Value, json};

use super::{GIF, PDF, carrying, contents, delete, get, id_of, upload};
use crate::support::chat::{self, Chat, register};
use crate::support::server::Server;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

/// A server that asks this upstream in the way of a provider, and one account.
fn asking(upstream: &Upstream, provider: &str) -> (Server, String) {
    let server = Server::builder()
        .env("LLM_PROVIDER", provider)
        .env("LLM_PROVIDER_URL", &upstream.url())
        .env("LLM_PROVIDER_KEY", "key-of-the-test")
        .env("LLM_PROVIDER_MODEL", "claude-sonnet-5-5")
        .start();
    let token = register(&server, "alice");
    (server, token)
}

/// What was sent of a question's files, by a provider of this kind.
fn sent_by(provider: &str, answer: Script, files: &[(&str, &[u8])]) -> Value {
    let upstream = Upstream::with([answer]);
    let (server, token) = asking(&upstream, provider);
    let files: Vec<Value> = files.iter().map(|(name, body)| upload(&server, &token, name, body)).collect();
    let mut client = Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    client.ask("message_send_request", carrying(&image, "look", &files.iter().collect::<Vec<_>>()));
    client.events_until("conversation_end");
    upstream.requests().into_iter().find(|request| request.method == "POST").unwrap().body["messages"][0].clone()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn each_provider_gets_them_in_its_own_form() {
    let files: [(&str, &[u8]); 3] = [("p.gif", GIF), ("d.pdf", PDF), ("t.txt", "深 text".as_bytes())];
    let content = &sent_by("anthropic", Script::text("I see."), &files)["content"];
    assert_eq!(content[1]["source"], json!({"type": "base64", "media_type": "image/gif", "data": base64(GIF)}));
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": base64(PDF)});
    assert_eq!((&content[2]["type"], &content[2]["source"]), (&json!("document"), &pdf));
    assert_eq!(content[3]["source"], json!({"type": "text", "media_type": "text/plain", "data": "深 text"}));
    assert_eq!((&content[2]["title"], &content[3]["title"]), (&json!("d.pdf"), &json!("t.txt")));

    let done =
        "data: {\"choices\":[{\"delta\":{\"content\":\"I see.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let content = &sent_by("openai", Script::raw("text/event-stream", done.as_bytes()), &files)["content"];
    assert_eq!(content[1]["image_url"]["url"], format!("data:image/gif;base64,{}", base64(GIF)));
    let pdf = json!({"filename": "d.pdf", "file_data": format!("data:application/pdf;base64,{}", base64(PDF))});
    assert_eq!((&content[2]["type"], &content[2]["file"]), (&json!("file"), &pdf));
    assert_eq!(content[3]["text"], "[File t.txt]\n深 text");

    let done = b"{\"message\":{\"content\":\"I see.\"},\"done\":true,\"done_reason\":\"stop\"}\n";
    let message = sent_by("ollama", Script::raw("application/x-ndjson", done), &[files[0], files[2]]);
    assert_eq!(message["images"], json!([base64(GIF)]));
    assert_eq!(message["content"], "look\n\n[File t.txt]\n深 text");
}

#[test]
fn a_message_names_its_files_and_a_later_question_sends_them_again() {
    let chat = Chat::with([Script::text("A dot."), Script::text("Still a dot.")]);
    let (mut client, image) = chat.conversation();
    let (picture, text) =
        (upload(&chat.server, &chat.token, "p.gif", GIF), upload(&chat.server, &chat.token, "t.txt", b"words"));
    client.ask("message_send_request", carrying(&image, "what is this?", &[&picture, &text]));
    client.events_until("conversation_end");
    let stored = chat::messages(&mut client, &image);
    let expected = json!([{"type": "text", "text": "what is this?"},
        {"type": "image", "fileId": picture["fileId"], "mediaType": "image/gif", "name": "p.gif", "size": GIF.len()},
        {"type": "file", "fileId": text["fileId"], "mediaType": "text/plain", "name": "t.txt", "size": 5}]);
    assert_eq!(stored[0]["content"], expected);
    chat::chat(&mut client, &image, "and now?");
    let requests: Vec<_> = chat.upstream.requests().into_iter().filter(|request| request.method == "POST").collect();
    let data = |at: usize| requests[at].body["messages"][0]["content"][1]["source"]["data"].clone();
    assert_eq!((data(0), data(1)), (json!(base64(GIF)), json!(base64(GIF))));
}

#[test]
fn a_picture_needs_no_words() {
    let chat = Chat::with([Script::text("A dot.")]);
    let (mut client, image) = chat.conversation();
    let picture = upload(&chat.server, &chat.token, "holiday.gif", GIF);
    let content = json!([{"type": "file", "fileId": picture["fileId"]}]);
    client.ask("message_send_request", json!({"imageId": image.id, "content": content}));
    client.events_until("conversation_end");
    assert_eq!(client.ask("image_get_request", json!({"imageId": image.id}))["record"]["name"], "holiday.gif");
}

#[test]
fn other_peoples_files_and_none_cannot_be_sent() {
    let chat = Chat::with([]);
    let (mut client, image) = chat.conversation();
    let bob = register(&chat.server, "bob");
    let his = upload(&chat.server, &bob, "his", b"private");
    for file in [his, json!({"fileId": "file_none"}), json!({"fileId": "../x"})] {
        let code = client.ask_for_trouble("message_send_request", carrying(&image, "look", &[&file]));
        assert_eq!(code, "not_found", "{file}");
    }
    let mine = upload(&chat.server, &chat.token, "mine", b"x");
    let many: Vec<&Value> = vec![&mine; 21];
    assert_eq!(client.ask_for_trouble("message_send_request", carrying(&image, "look", &many)), "too_many_files");
    assert!(chat::messages(&mut client, &image).is_empty());
}

#[test]
fn a_model_that_cannot_take_a_file_says_so_before_anything_is_sent() {
    let upstream = Upstream::with([Script::text("Words I can read.")]);
    let cannot = json!({"image_input": {"supported": false}, "pdf_input": {"supported": false}});
    upstream.lists(json!({"data": [{"id": "claude-sonnet-5-5", "capabilities": cannot}], "has_more": false}));
    let (server, token) = asking(&upstream, "anthropic");
    let models = server.http().get("/api/models", Some(&token)).json();
    assert_eq!(models["models"][0]["images"], false, "{models}");
    let mut client = Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    let (picture, pdf) = (upload(&server, &token, "p.gif", GIF), upload(&server, &token, "d.pdf", PDF));
    let mut refused = |file| client.ask_for_trouble("message_send_request", carrying(&image, "look", &[file]));
    assert_eq!(refused(&picture), "model_takes_no_pictures");
    assert_eq!(refused(&pdf), "model_takes_no_pdf");
    let text = upload(&server, &token, "t.txt", b"words");
    client.ask("message_send_request", carrying(&image, "read", &[&text]));
    client.events_until("conversation_end");
    assert_eq!(chat::said(&chat::messages(&mut client, &image)[1]), "Words I can read.");
}

#[test]
fn files_go_with_the_last_conversation_that_holds_them() {
    let chat = Chat::with([Script::text("one"), Script::text("two")]);
    let (mut client, first) = chat.conversation();
    let second = chat::create(&mut client);
    chat::subscribe(&mut client, &second, None);
    let file = upload(&chat.server, &chat.token, "a.gif", GIF);
    for image in [&first, &second] {
        client.ask("message_send_request", carrying(image, "look", &[&file]));
        client.events_until("conversation_end");
    }
    let held = delete(&chat.server, &chat.token, &file);
    assert_eq!((held.status, &held.json()["code"]), (409, &json!("file_in_use")));
    client.ask("image_delete_request", json!({"imageId": first.id}));
    assert_eq!(get(&chat.server, &chat.token, &file).body, GIF);
    client.ask("image_delete_request", json!({"imageId": second.id}));
    assert_eq!(get(&chat.server, &chat.token, &file).status, 404);
    assert!(contents(&chat.server).is_empty());
    assert!(!id_of(&file).is_empty());
}
