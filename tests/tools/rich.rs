//! What a result brings beside its text: structured content, links, and files, stored as what they are.

use serde_json::{Value, json};

use super::{call, chat, declared, tested};
use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// What the model has read of it: what the server wrote, once.
const READ: &str = "{\"degrees\":[3,4.5],\"city\":\"Köln\"}\n[log: https://weather.example/log]\n[odd: javascript:alert(1)]\n\
                    [weather://notes]\nmild\n[weather://report: application/pdf]\n";

fn chatted(marker: &str) -> (Chat, Client, Image, Vec<Value>) {
    let scripts = [call("t1", "fake__rich", &json!({})), Script::text("Cold.")];
    let chat = chat(json!({"fake": declared("legacy", marker)}), scripts);
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "weather?");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{events:?}");
    (chat, client, image, events)
}

#[test]
fn a_result_is_stored_as_what_it_is() {
    let (chat, mut client, image, events) = chatted("47101");
    let live = &of_type(&events, "tool_result")[0]["data"];
    let structured = json!({"city": "Köln", "degrees": [3, 4.5]});
    let resources = json!([
        {"uri": "https://weather.example/log", "name": "The log", "mediaType": "text/html"},
        {"uri": "javascript:alert(1)", "name": "odd"},
        {"uri": "weather://notes", "name": "weather://notes", "mediaType": "text/plain"},
        {"uri": "weather://report", "name": "weather://report", "mediaType": "application/pdf"},
    ]);
    assert_eq!((&live["structured"], &live["resources"]), (&structured, &resources));

    let messages = chat::messages(&mut client, &image);
    let stored = &messages.iter().find(|message| message["role"] == "tool").unwrap()["content"];
    let kinds: Vec<_> = stored.as_array().unwrap().iter().map(|part| chat::text_of(&part["type"])).collect();
    let expected =
        ["tool-result", "structured", "resource", "resource", "resource", "resource", "work-file", "work-file"];
    assert_eq!(kinds, expected, "{stored}");
    assert_eq!(stored[1]["content"], structured);
    assert_eq!(stored[2]["uri"], resources[0]["uri"]);

    // A program that reads the table finds it there, too.
    let database = rusqlite::Connection::open(chat.server.data_dir().join("data/agentx.db")).unwrap();
    let sql = "SELECT json_extract(content, '$[1].content.city') FROM messages WHERE role = 'tool'";
    let city: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(city, "Köln");
}

#[test]
fn the_model_reads_what_the_server_wrote_and_where_its_files_are() {
    let (chat, _, image, events) = chatted("47102");
    let body = chat.upstream.requests().pop().unwrap().body;
    let read = &body["messages"].as_array().unwrap().last().unwrap()["content"][0]["content"];
    let read = chat::text_of(read);
    assert!(read.starts_with(READ), "{read}");
    let notes: Vec<_> = read[READ.len()..].lines().collect();
    assert_eq!(notes.len(), 2, "{read}");
    assert!(notes[0].starts_with("[a file (application/pdf), kept as tool-results/"), "{read}");
    assert!(notes[1].starts_with("[a file (audio/wav), kept as tool-results/"), "{read}");
    assert!(!body["messages"].to_string().contains("structured"), "{body}");

    let file = &of_type(&events, "tool_result")[0]["data"]["files"][0];
    assert_eq!((&file["mediaType"], &file["size"]), (&json!("application/pdf"), &json!(9)));
    let url = format!("/api/files?imageId={}&path={}", image.id, chat::text_of(&file["path"]));
    let answer = chat.server.http().get(&url, Some(&chat.token));
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"%PDF-1.7\n".as_slice()));
}

#[test]
fn an_export_carries_it_and_an_import_brings_it_back() {
    let (chat, mut client, image, _) = chatted("47103");
    let http = chat.server.http();
    let export = |format: &str| {
        let answer = http.get(&format!("/api/export?imageId={}&format={format}", image.id), Some(&chat.token));
        assert_eq!(answer.status, 200);
        answer
    };
    let markdown = export("md").text();
    assert!(markdown.contains("```json\n{\"city\":\"Köln\",\"degrees\":[3,4.5]}\n```"), "{markdown}");
    assert!(markdown.contains("*(link: The log, https://weather.example/log)*"), "{markdown}");

    let whole = export("json").body;
    client.ask("image_delete_request", json!({"imageId": image.id}));
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", chat.token);
    let report = http.request("POST", "/api/import", &headers, &whole);
    assert_eq!(report.status, 200, "{}", report.text());
    let record = client.ask("image_list_request", json!({}))["records"][0].take();
    let copy = Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    let messages = chat::messages(&mut client, &copy);
    let stored = &messages.iter().find(|message| message["role"] == "tool").unwrap()["content"];
    assert_eq!((&stored[1]["content"]["city"], &stored[2]["name"]), (&json!("Köln"), &json!("The log")), "{stored}");
}
