//! The files of a conversation's agent: as its owner sees them, as its tools do, and as others don't.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::GIF;
use crate::support::chat::{self, Chat, Image, of_type, register};
use crate::support::http::Response;
use crate::support::upstream::Script;

fn ask(chat: &Chat, token: &str, method: &str, query: &str, body: &[u8]) -> Response {
    let headers = format!("Authorization: Bearer {token}\r\n");
    chat.server.http().request(method, &format!("/api/files?{query}"), &headers, body)
}

fn of(image: &Image, path: &str) -> String {
    format!("imageId={}&path={path}", image.id)
}

fn listed(chat: &Chat, image: &Image) -> Vec<(String, String)> {
    let list = ask(chat, &chat.token, "GET", &format!("imageId={}", image.id), b"").json();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    list["files"].as_array().unwrap().iter().map(|entry| (text(entry, "path"), text(entry, "type"))).collect()
}

#[test]
fn an_owner_puts_lists_reads_and_deletes() {
    let chat = Chat::with([]);
    let (mut client, image) = chat.conversation();
    assert!(listed(&chat, &image).is_empty());
    let put = ask(&chat, &chat.token, "POST", &of(&image, "notes/%E6%B7%B1.txt"), b"words");
    assert_eq!((put.status, &put.json()["path"], &put.json()["size"]), (201, &json!("notes/深.txt"), &json!(5)));
    ask(&chat, &chat.token, "POST", &of(&image, "a.gif"), GIF);
    ask(&chat, &chat.token, "POST", &of(&image, "data.bin"), b"\0\x01");
    let mut all = listed(&chat, &image);
    all.sort();
    let expected = [("a.gif", "file"), ("data.bin", "file"), ("notes", "directory"), ("notes/深.txt", "file")];
    assert_eq!(all, expected.map(|(path, sort)| (path.to_owned(), sort.to_owned())));
    let get = |path: &str| ask(&chat, &chat.token, "GET", &of(&image, path), b"");
    let text = get("notes/%E6%B7%B1.txt");
    assert_eq!((text.text().as_str(), text.header("content-type")), ("words", Some("text/plain; charset=utf-8")));
    assert!(text.header("content-disposition").unwrap().starts_with("attachment;"));
    assert!(get("a.gif").header("content-disposition").unwrap().starts_with("inline;"));
    assert_eq!(get("data.bin").header("content-type"), Some("application/octet-stream"));
    assert_eq!(ask(&chat, &chat.token, "DELETE", &of(&image, "notes"), b"").status, 200);
    assert_eq!((get("notes/%E6%B7%B1.txt").status, listed(&chat, &image).len()), (404, 2));
    client.ask("image_delete_request", json!({"imageId": image.id}));
    assert_eq!(get("a.gif").status, 404);
}

#[test]
fn nothing_leads_out_of_the_directory_or_to_other_people() {
    let chat = Chat::with([]);
    let (_client, image) = chat.conversation();
    ask(&chat, &chat.token, "POST", &of(&image, "own"), b"x");
    let containers = chat.server.data_dir().join("containers");
    let container = std::fs::read_dir(&containers).unwrap().next().unwrap().unwrap().path();
    let workdir = container.join("workdirs").join(&image.id);
    symlink("/etc/passwd", workdir.join("link")).unwrap();
    symlink("/proc/self/root", workdir.join("root")).unwrap();
    symlink(chat.server.data_dir().join("data"), workdir.join("data")).unwrap();
    std::fs::hard_link(chat.server.data_dir().join("jwt-secret"), workdir.join("second")).unwrap();
    for path in ["..%2F..%2Fjwt-secret", "link", "root/etc/passwd", "data/agentx.db", "second", "%2E%2E", "a%00b", "/"]
    {
        for (method, body) in [("GET", &b""[..]), ("POST", b"mine")] {
            if (method, path) == ("POST", "second") {
                continue; // takes the place of the name, and leaves the other one alone
            }
            let answer = ask(&chat, &chat.token, method, &of(&image, path), body);
            assert!(matches!(answer.status, 400 | 404), "{method} {path}: {} {}", answer.status, answer.text());
        }
    }
    assert_eq!(ask(&chat, &chat.token, "DELETE", &of(&image, "data/agentx.db"), b"").status, 400);
    let bob = register(&chat.server, "bob");
    for (method, query) in [
        ("GET", format!("imageId={}", image.id)),
        ("GET", of(&image, "own")),
        ("POST", of(&image, "own")),
        ("DELETE", of(&image, "own")),
    ] {
        let theirs = ask(&chat, &bob, method, &query, b"x");
        let none = ask(&chat, &bob, method, &query.replace(&image.id, "img_none"), b"x");
        assert_eq!((theirs.status, theirs.text()), (404, none.text()), "{method}");
        assert_eq!(ask(&chat, "nonsense", method, &query, b"x").status, 401);
    }
    assert_eq!(ask(&chat, &chat.token, "GET", &of(&image, "own"), b"").text(), "x");
    assert_eq!(ask(&chat, &chat.token, "GET", "", b"").json()["code"], "missing_parameter");
}

#[test]
fn an_agent_reads_what_its_owner_put_there() {
    let call = |name: &str, input: &str| Script::tool_use("", "s", "toolu_1", name, &[input]);
    let chat = Chat::with([
        call("list_directory", "{}"),
        call("read_file", r#"{"path":"notes.txt"}"#),
        call("read_file", r#"{"path":"../../../../jwt-secret"}"#),
        Script::text("Done."),
    ]);
    let (mut client, image) = chat.conversation();
    ask(&chat, &chat.token, "POST", &of(&image, "notes.txt"), b"the words of its owner");
    let events = chat::chat(&mut client, &image, "look");
    let results: Vec<_> = of_type(&events, "tool_result").iter().map(|event| event["data"].clone()).collect();
    assert_eq!(results[0]["result"], "notes.txt (22 bytes)\n");
    assert_eq!((&results[1]["result"], &results[1]["isError"]), (&json!("the words of its owner"), &json!(false)));
    assert_eq!(results[2]["isError"], true, "{}", results[2]);
    assert!(results[2]["result"].as_str().unwrap().contains("may not lead up"), "{}", results[2]);
}
