//! Conversations from elsewhere: our own form, ChatGPT's and Open WebUI's, over HTTP.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{export, import, python};
use crate::support::chat::{self, Chat, Image, outline, register};
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn node(id: &str, parent: Option<&str>, role: &str, text: &str, at: f64) -> (String, Value) {
    let content = json!({"content_type": "text", "parts": [text]});
    let message = json!({"id": id, "author": {"role": role}, "create_time": at, "content": content,
        "metadata": {"model_slug": "gpt-4o"}});
    (id.to_owned(), json!({"id": id, "parent": parent, "children": [], "message": message}))
}

/// As ChatGPT exports it.
pub fn chatgpt(id: &str, title: &str) -> Value {
    let root = ("root".to_owned(), json!({"id": "root", "parent": null, "children": ["a"], "message": null}));
    let nodes = [
        root,
        node("a", Some("root"), "user", &format!("question of {title}"), 1_600_000_000.5),
        node("b", Some("a"), "assistant", "first answer", 1_600_000_001.0),
        node("c", Some("a"), "assistant", "better answer", 1_600_000_002.0),
        node("d", Some("c"), "user", "thank you", 1_600_000_003.0),
    ];
    let mapping: serde_json::Map<String, Value> = nodes.into_iter().collect();
    json!({"conversation_id": id, "title": title, "create_time": 1_600_000_000.0, "update_time": 1_600_000_003.0,
        "mapping": mapping, "current_node": "d"})
}

fn images(client: &mut Client) -> Vec<Value> {
    client.ask("image_list_request", json!({"limit": 200}))["records"].as_array().unwrap().clone()
}

fn image(record: &Value) -> Image {
    Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) }
}

fn counts(report: &Value) -> [u64; 4] {
    ["imported", "messages", "alreadyHere", "skipped"].map(|name| report[name].as_u64().unwrap())
}

#[test]
fn a_conversation_of_chatgpt_goes_on_here() {
    let chat = Chat::with([Script::text("You are welcome.")]);
    let file = json!([chatgpt("1", "Geese"), chatgpt("2", "Ducks")]).to_string();
    let report = import(&chat.server, &chat.token, file.as_bytes());
    assert_eq!(
        (counts(&report), &report["origin"], &report["stopped"]),
        ([2, 6, 0, 0], &json!("chatgpt"), &Value::Null)
    );
    let mut client = chat.socket();
    let records = images(&mut client);
    assert_eq!(records.len(), 2);
    let geese = records.iter().find(|one| one["name"] == "Geese").unwrap();
    assert_eq!(
        (&geese["createdAt"], &geese["updatedAt"]),
        (&json!(1_600_000_000_000_i64), &json!(1_600_000_003_000_i64))
    );
    let geese = image(geese);
    let messages = chat::messages(&mut client, &geese);
    let expected = [("user", "question of Geese"), ("assistant", "better answer"), ("user", "thank you")];
    let expected: Vec<_> = expected.iter().map(|(role, text)| (*role, "complete", (*text).to_owned())).collect();
    assert_eq!(outline(&messages), expected);
    assert_eq!((&messages[0]["timestamp"], &messages[1]["model"]), (&json!(1_600_000_000_500_i64), &json!("gpt-4o")));
    chat::subscribe(&mut client, &geese, None);
    chat::chat(&mut client, &geese, "and swans?");
    let sent = chat.upstream.requests().into_iter().rfind(|request| request.method == "POST").unwrap();
    assert!(sent.body["messages"].to_string().contains("better answer"), "the model gets what was imported");
    let again = import(&chat.server, &chat.token, file.as_bytes());
    assert_eq!(counts(&again), [0, 0, 2, 0], "the same file brings nothing twice");
    let check: Value = serde_json::from_str(&chat.server.run(&["db", "check", "--json"]).stdout).unwrap();
    assert_eq!(check["status"], "ok", "{check}");
}

#[test]
fn what_is_imported_is_found() {
    let chat = Chat::with([]);
    import(&chat.server, &chat.token, json!([chatgpt("1", "Wanderalbatros")]).to_string().as_bytes());
    let mut client = chat.socket();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        // Searches are limited, and refused for a while past that.
        let found = client.request("search_request", json!({"query": "wanderalba"}))["data"]["hits"].take();
        if found.as_array().is_some_and(|hits| hits.iter().any(|hit| hit["name"] == "Wanderalbatros")) {
            return;
        }
        assert!(Instant::now() < deadline, "the index does not have it: {found}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn an_export_comes_back_with_its_files() {
    let chat = Chat::with([Script::text("A dot.")]);
    let (mut client, image) = chat.conversation();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: text/plain\r\n", chat.token);
    let file = chat.server.http().request("POST", "/api/files?name=a.txt", &headers, b"words").json();
    let content = json!([{"type": "text", "text": "look"}, {"type": "file", "fileId": file["fileId"]}]);
    client.ask("message_send_request", json!({"imageId": image.id, "content": content}));
    client.events_until("conversation_end");
    client.ask(
        "image_update_request",
        json!({"imageId": image.id, "updates": {"name": "Dots", "systemPrompt": "Be brief.", "pinned": true}}),
    );
    let before = chat::messages(&mut client, &image);
    let zip = export(&chat.server, &chat.token, "imageId=all&format=zip").body;
    let text = export(&chat.server, &chat.token, "imageId=all&format=json").body;
    for own in [&zip, &text] {
        assert_eq!(counts(&import(&chat.server, &chat.token, own)), [0, 0, 1, 0], "it is here");
    }
    let bob = register(&chat.server, "bob");
    let report = import(&chat.server, &bob, &zip);
    assert_eq!((counts(&report), &report["files"], &report["filesMissing"]), ([1, 2, 0, 0], &json!(1), &json!(0)));
    let mut client = Client::connect(chat.server.port(), &bob);
    let record = images(&mut client).remove(0);
    let whole = client.ask("image_get_request", json!({"imageId": record["imageId"]}))["record"].take();
    let kept = json!([whole["name"], whole["systemPrompt"], whole["pinned"]]);
    assert_eq!(kept, json!(["Dots", "Be brief.", true]));
    assert_ne!(record["imageId"], image.id, "ids of another person's are not taken");
    let after = chat::messages(&mut client, &self::image(&record));
    assert_eq!(outline(&after), outline(&before));
    assert_eq!((&after[1]["timestamp"], &after[1]["model"]), (&before[1]["timestamp"], &before[1]["model"]));
    let theirs = &after[0]["content"][1];
    assert_eq!((&theirs["name"], &theirs["mediaType"]), (&json!("a.txt"), &json!("text/plain")));
    let path = format!("/api/files/{}", theirs["fileId"].as_str().unwrap());
    assert_eq!(chat.server.http().get(&path, Some(&bob)).body, b"words");
    // Without the files, their names stay.
    let eve = register(&chat.server, "eve");
    let report = import(&chat.server, &eve, &text);
    assert_eq!((counts(&report), &report["filesMissing"]), ([1, 2, 0, 0], &json!(1)));
    let mut client = Client::connect(chat.server.port(), &eve);
    let record = images(&mut client).remove(0);
    let messages = chat::messages(&mut client, &self::image(&record));
    assert!(chat::said(&messages[0]).contains("[File: a.txt]"), "{}", messages[0]);
}

#[test]
fn open_webui_and_chatgpts_zip() {
    let server = Server::start();
    let token = register(&server, "alice");
    let gif = "R0lGODlhAQABAIABAP///wAAACwAAAAAAQABAAACAkQBADs=";
    let chat = json!([{"id": "w1", "title": "Web", "created_at": 1_600_000_000, "updated_at": 1_600_000_009, "chat": {
        "history": {"currentId": "b", "messages": {
            "a": {"id": "a", "parentId": null, "role": "user", "content": "see", "timestamp": 1_600_000_000,
                "files": [{"type": "image", "url": format!("data:image/gif;base64,{gif}")}]},
            "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "seen", "model": "llama"}}}}}]);
    let report = import(&server, &token, chat.to_string().as_bytes());
    assert_eq!((counts(&report), &report["files"], &report["origin"]), ([1, 2, 0, 0], &json!(1), &json!("openwebui")));

    let home = tempfile::tempdir().unwrap();
    let mut chat = chatgpt("z1", "Zipped");
    chat["mapping"]["a"]["message"]["content"] = json!({"content_type": "multimodal_text", "parts": [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc"}, "what is it?"]});
    std::fs::write(home.path().join("conversations.json"), json!([chat]).to_string()).unwrap();
    let script = format!(
        "import zipfile, base64; z = zipfile.ZipFile('x.zip', 'w', zipfile.ZIP_DEFLATED); z.write('conversations.json'); \
         z.writestr('file-abc-dot.gif', base64.b64decode('{gif}')); z.writestr('../../../tmp/evil.txt', 'x'); \
         z.writestr('/etc/evil', 'x'); z.writestr('__MACOSX/._conversations.json', 'x'); z.close(); print('null')"
    );
    python(home.path(), &script);
    let zip = std::fs::read(home.path().join("x.zip")).unwrap();
    let report = import(&server, &token, &zip);
    assert_eq!((counts(&report), &report["files"]), ([1, 3, 0, 0], &json!(1)), "{report}");
    assert_eq!(counts(&import(&server, &token, &zip)), [0, 0, 1, 0]);
    let files = sqlite3(&server.data_dir().join("data/agentx.db"), "SELECT count(*) FROM files WHERE isAttached = 1");
    assert_eq!(files, "2", "and none that no message carries");
}

#[test]
fn the_quota_says_how_far_it_came() {
    let server = Server::builder().env("STORAGE_PER_USER_MB", "1").start();
    let token = register(&server, "alice");
    let large = |id: usize| {
        let mut chat = chatgpt(&id.to_string(), &format!("Large {id}"));
        chat["mapping"]["a"]["message"]["content"]["parts"] = json!(["x".repeat(100_000)]);
        chat
    };
    let file = Value::from((0..30).map(large).collect::<Vec<_>>()).to_string();
    let report = import(&server, &token, file.as_bytes());
    let imported = report["imported"].as_u64().unwrap();
    assert!((5..=10).contains(&imported), "{report}");
    assert_eq!(report["stopped"]["code"], "quota_exceeded");
    let rows = sqlite3(
        &server.data_dir().join("data/agentx.db"),
        "SELECT count(*), sum(storedBytes) < 1048576 FROM images JOIN sessions USING (sessionId)",
    );
    assert_eq!(rows, format!("{imported}|1"), "what is reported is there, and no more");
    let refused = super::post(&server, &token, "", file.as_bytes());
    assert!(refused.status == 413 || refused.json()["alreadyHere"].as_u64() == Some(imported), "{}", refused.text());
}

#[test]
fn hostile_files_cost_themselves() {
    let server = Server::start();
    let token = register(&server, "alice");
    let status = |body: &[u8]| {
        let answer = super::post(&server, &token, "", body);
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let no_export = (400, "not_an_export".to_owned());
    assert_eq!(status(b""), no_export);
    assert_eq!(status(b"hello"), no_export);
    assert_eq!(status(b"PK\x03\x04 and no more"), (400, "damaged_archive".to_owned()));
    let before = server.rss_kib();
    let good = chatgpt("good", "Good").to_string();
    let circle = good.replace("\"parent\":\"root\"", "\"parent\":\"d\"").replace("\"good\"", "\"circle\"");
    let deep = format!("{{\"mapping\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    let deep_part = good
        .replace("\"good\"", "\"deep\"")
        .replace("[\"better answer\"]", &format!("[\"x\",{}{}]", "[".repeat(100_000), "]".repeat(100_000)));
    let huge = format!("{{\"mapping\":{{}},\"title\":\"{}\"}}", "x".repeat(40_000_000));
    let many = format!("{{\"mapping\":{{\"a\":[{}1]}}}}", "1,".repeat(3_000_000));
    let wrong = r#"{"mapping":{"a":7,"b":{"message":"x","parent":[1]},"c":{"message":{"author":[],"content":{"content_type":5,"parts":"x"}}}},"title":{"a":1},"create_time":"soon","current_node":"c"}"#;
    let file =
        format!("[{circle},{deep},{deep_part},{huge},{many},{wrong},7,\"x\",{{}},{{\"mapping\":{{}}}},{good},{good}]");
    let report = import(&server, &token, file.as_bytes());
    assert_eq!(counts(&report)[..1], [3], "{report}");
    assert_eq!((&report["alreadyHere"], &report["stopped"]), (&json!(1), &Value::Null), "{report}");
    let reasons: Vec<&str> =
        report["skips"].as_array().unwrap().iter().map(|skip| skip["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"too_large") && reasons.contains(&"unknown_form"), "{report}");
    assert_eq!(report["skipped"], reasons.len());
    let cut = import(&server, &token, format!("[{},{}", chatgpt("x", "Whole"), &good[..200]).as_bytes());
    assert_eq!((counts(&cut), &cut["skips"][0]["reason"]), ([1, 3, 0, 1], &json!("truncated")));
    let grown = server.peak_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{grown} KiB");
    assert_eq!(server.http().get("/health", None).status, 200);
}

#[test]
fn a_bomb_is_stopped_and_the_rest_is_read() {
    let server = Server::start();
    let token = register(&server, "alice");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("good.json"), json!([chatgpt("1", "Good")]).to_string()).unwrap();
    let script = "import zipfile; z = zipfile.ZipFile('x.zip', 'w', zipfile.ZIP_DEFLATED); \
                  f = z.open('conversations-0.json', 'w'); f.write(b'[\"'); [f.write(b' ' * 1048576) for _ in range(300)]; f.close(); \
                  z.write('good.json', 'conversations-1.json'); z.close(); print('null')";
    python(home.path(), script);
    let zip = std::fs::read(home.path().join("x.zip")).unwrap();
    assert!(zip.len() < 1_000_000);
    let report = import(&server, &token, &zip);
    assert_eq!((counts(&report), &report["skips"][0]["reason"]), ([1, 3, 0, 1], &json!("damaged")), "{report}");
}

#[test]
fn a_form_and_lines_of_progress() {
    let server = Server::start();
    let token = register(&server, "alice");
    let mut body = Vec::new();
    write!(
        body,
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.json\"\r\n\r\n{}\r\n--x--\r\n",
        json!([chatgpt("1", "One")])
    )
    .unwrap();
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary=x\r\n");
    let mut tab = Client::connect(server.port(), &token);
    tab.ask("image_list_request", json!({"follow": true}));
    let answer = server.http().request("POST", "/api/import?progress=1", &headers, &body);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")));
    let report: Value = serde_json::from_str(answer.text().lines().last().unwrap()).unwrap();
    assert_eq!(counts(&report), [1, 3, 0, 0]);
    let told = tab.next_event(Duration::from_secs(20)).expect("open tabs hear of it");
    assert_eq!((&told["type"], images(&mut tab).len()), (&json!("images_changed"), 1));
    let again = server.http().request("POST", "/api/import", &headers, &body).json();
    assert_eq!((counts(&again), images(&mut tab).len()), ([0, 0, 1, 0], 1));
    assert_eq!(tab.next_event(Duration::ZERO), None, "nothing is new");
    assert_eq!(server.http().request("POST", "/api/import", "", &body).status, 401);
    let left: Vec<_> = std::fs::read_dir(server.data_dir().join("containers")).unwrap().collect();
    let left = left.into_iter().flat_map(|one| std::fs::read_dir(one.unwrap().path().join("files")).unwrap()).count();
    assert_eq!(left, 0, "the file that came is gone");
}
