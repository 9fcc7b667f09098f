//! One's own conversations as a file, in each of its forms.

use serde_json::{Value, json};

use super::{export, python};
use crate::support::chat::{self, Chat, register};
use crate::support::upstream::Script;

/// Alice's two conversations; the first has a file, the second a name that no file should have.
fn house() -> (Chat, Vec<String>) {
    let chat = Chat::with([Script::text("A dot."), Script::text("```\ncode\n```")]);
    let (mut client, first) = chat.conversation();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: text/plain\r\n", chat.token);
    let file = chat.server.http().request("POST", "/api/files?name=a%20b.txt", &headers, "深 text".as_bytes()).json();
    let content = json!([{"type": "text", "text": "look 深"}, {"type": "file", "fileId": file["fileId"]}]);
    client.ask("message_send_request", json!({"imageId": first.id, "content": content}));
    client.events_until("conversation_end");
    let (mut client, second) = chat.conversation();
    chat::chat(&mut client, &second, "write code");
    let name = "../\u{202e}深\"; x=y";
    client.ask(
        "image_update_request",
        json!({"imageId": second.id, "updates": {"name": name, "systemPrompt": "Be brief."}}),
    );
    (chat, vec![first.id, second.id])
}

fn said(conversation: &Value) -> Vec<String> {
    conversation["messages"].as_array().unwrap().iter().map(chat::said).collect()
}

#[test]
fn json_has_everything_of_a_conversation() {
    let (chat, ids) = house();
    let answer = export(&chat.server, &chat.token, "imageId=all&format=json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json; charset=utf-8")));
    let disposition = answer.header("content-disposition").unwrap();
    assert_eq!(disposition, "attachment; filename=\"portagent alice.json\"");
    let all = answer.json();
    assert_eq!((&all["format"], &all["version"]), (&json!("portagent-export"), &json!(1)));
    let mut conversations = all["conversations"].as_array().unwrap().clone();
    conversations.sort_by_key(|one| ids.iter().position(|id| one["imageId"] == *id));
    assert_eq!(said(&conversations[0]), ["look 深", "A dot."]);
    assert_eq!(said(&conversations[1]), ["write code", "```\ncode\n```"]);
    assert_eq!(conversations[1]["systemPrompt"], "Be brief.");
    let answer = &conversations[0]["messages"][1];
    assert!(answer["timestamp"].as_i64().unwrap() > 1_700_000_000_000 && answer["model"].is_string(), "{answer}");
    assert_eq!((&answer["stopReason"], &answer["status"]), (&json!("end_turn"), &json!("complete")));
    let one = export(&chat.server, &chat.token, &format!("imageId={}", ids[1]));
    assert_eq!(one.json()["conversations"], json!([conversations[1]]), "json is the default");
    let disposition = one.header("content-disposition").unwrap();
    assert!(disposition.is_ascii() && !disposition.contains(['/', '\\']), "{disposition}");
    assert!(disposition.starts_with("attachment; filename=\"") && disposition.ends_with(".json"), "{disposition}");
}

#[test]
fn markdown_is_readable() {
    let (chat, ids) = house();
    let answer = export(&chat.server, &chat.token, &format!("imageId={}&format=md", ids[0]));
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
    let text = answer.text();
    let order = [
        "# look 深\n",
        "## User · ",
        "\nlook 深\n",
        "*(attached: a b.txt, text/plain)*",
        "## Assistant · ",
        "\nA dot.\n",
    ];
    let places: Vec<usize> =
        order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    let all = export(&chat.server, &chat.token, "imageId=all&format=md").text();
    assert!(
        all.contains("A dot.") && all.contains("## System prompt\n\nBe brief.") && all.contains("\n---\n"),
        "{all}"
    );
}

#[test]
fn a_zip_has_the_files_by_their_digest() {
    let (chat, ids) = house();
    let home = tempfile::tempdir().unwrap();
    let look = "import zipfile, json; z = zipfile.ZipFile('x.zip'); assert z.testzip() is None; \
                l = json.loads(z.read('attachments.json')); \
                print(json.dumps({'names': z.namelist(), 'list': l, 'content': [z.read(f['path']).decode() for f in l], \
                'conversations': [json.loads(z.read(n)) for n in z.namelist() if n.startswith('conversations/')]}))";
    let take = |query: &str| {
        let answer = export(&chat.server, &chat.token, query);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/zip")));
        std::fs::write(home.path().join("x.zip"), answer.body).unwrap();
        python(home.path(), look)
    };
    let all = take("imageId=all&format=zip");
    assert_eq!((&all["names"][0], all["conversations"].as_array().unwrap().len()), (&json!("export.json"), 2));
    assert_eq!((&all["content"], &all["list"][0]["name"]), (&json!(["深 text"]), &json!("a b.txt")));
    let path = format!("attachments/{}", all["list"][0]["sha256"].as_str().unwrap());
    assert_eq!(all["list"][0]["path"], path);
    let without = take(&format!("imageId={}&format=zip", ids[1]));
    assert_eq!((&without["list"], without["conversations"].as_array().unwrap().len()), (&json!([]), 1));
}

#[test]
fn only_ones_own() {
    let (chat, ids) = house();
    let bob = register(&chat.server, "bob");
    let status = |query: &str, token: &str| {
        let answer = export(&chat.server, token, query);
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(status(&format!("imageId={}", ids[0]), &bob), (404, "not_found".to_owned()));
    assert_eq!(export(&chat.server, &bob, "imageId=all").json()["conversations"], json!([]));
    assert_eq!(status("format=json", &bob), (400, "missing_parameter".to_owned()));
    assert_eq!(status("imageId=all&format=pdf", &bob), (400, "invalid_format".to_owned()));
    assert_eq!(status("imageId=all", "no token").0, 401);
    let head = format!("Authorization: Bearer {bob}\r\n");
    let head = chat.server.http().request("HEAD", "/api/export?imageId=all", &head, b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// A client that takes it slowly holds no transaction open, and the server no more than a page of it.
#[test]
fn a_large_export_is_streamed() {
    use std::io::Read as _;
    let (chat, ids) = house();
    let server = &chat.server;
    let part = json!([{"type": "text", "text": "x".repeat(500_000)}]);
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80) INSERT INTO messages \
         (messageId, sessionId, turnId, position, role, content, timestamp) SELECT 'm' || n.i, i.sessionId, NULL, \
         100000000 + n.i, 'tool', '{part}', 1700000000000 FROM n, images i WHERE i.imageId = '{}'",
        ids[0]
    );
    crate::support::people::sqlite3(&server.data_dir().join("data/agentx.db"), &sql);
    let before = server.rss_kib();
    let mut slow = crate::support::raw::Raw::connect(server.address());
    slow.send(format!(
        "GET /api/export?imageId=all HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\r\n",
        chat.token
    ));
    let mut first = [0; 100];
    slow.stream.read_exact(&mut first).unwrap();
    // It stands still now, its socket's buffer full; others write, and the log can be cut back.
    let (mut client, image) = chat.conversation();
    client.ask("image_update_request", json!({"imageId": image.id, "updates": {"name": "meanwhile"}}));
    let checkpoint =
        crate::support::people::sqlite3(&server.data_dir().join("data/agentx.db"), "PRAGMA wal_checkpoint(TRUNCATE)");
    assert!(checkpoint.starts_with("0|"), "a reader holds the log: {checkpoint}");
    let whole = export(server, &chat.token, "imageId=all");
    assert!(whole.body.len() > 40_000_000, "{}", whole.body.len());
    let grown = server.peak_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more for two exports of 40 MB");
}
