//! `fetch_url` in a conversation: what it may ask, and that its person is asked first.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::call;
use super::consent::{answer, asked, result};
use crate::support::chat::{self, Chat, of_type};
use crate::support::server::Server;
use crate::support::upstream::Script;

/// A web server that answers by path, and what it was asked.
fn site(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let noted = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
            noted.lock().unwrap().push(path.clone());
            let _ = stream.write_all(answer(&path).as_bytes());
        }
    });
    (port, asked)
}

fn page(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn to(url: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")
}

/// What the model learns of an address, after its person has allowed the call.
fn fetched(chat: &Chat, url: &str) -> (String, bool) {
    chat.upstream.push(call("t1", "fetch_url", &json!({"url": url})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    assert_eq!((&question["toolName"], &question["input"]), (&json!("fetch_url"), &json!({"url": url})));
    answer(&mut client, &question, "once");
    result(&mut client)
}

#[test]
fn only_allowed_hosts_of_the_own_network_are_asked() {
    let (inner, asked_inside) = site(|_| page("secret"));
    let inside = format!("http://localhost:{inner}/");
    let (outer, asked_outside) = site(move |path| match path {
        "/inside" => to(&inside),
        "/metadata" => to("http://169.254.169.254/latest/meta-data/"),
        "/moved" => to("/page"),
        "/page" => page("<title>Rules</title><h1>House</h1><script>no</script><p>Be kind."),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    });
    let chat = Chat::built(Server::builder().env("FETCH_URL_ALLOWED_HOSTS", "127.0.0.1"), []);
    let url = |path: &str| format!("http://127.0.0.1:{outer}{path}");
    let expected = format!("[{}, written by others]\nRules\n\n# House\n\nBe kind.", url("/page"));
    assert_eq!(fetched(&chat, &url("/page")), (expected.clone(), false));
    assert_eq!(fetched(&chat, &url("/moved")), (expected, false));
    for refused in
        [url("/inside"), url("/metadata"), format!("http://localhost:{inner}/"), format!("http://0x7f.1:{inner}/")]
    {
        let (text, is_error) = fetched(&chat, &refused);
        assert!(is_error && text.contains("not public") && text.lines().count() == 1, "{refused}: {text}");
    }
    let (text, is_error) = fetched(&chat, &url("/none"));
    assert!(is_error && text.contains("404"), "{text}");
    assert!(asked_inside.lock().unwrap().is_empty(), "nothing reached it");
    assert!(!asked_outside.lock().unwrap().is_empty());
}

#[test]
fn without_the_persons_word_nothing_is_asked() {
    let (port, asked_of_it) = site(|_| page("words"));
    let chat = Chat::built(Server::builder().env("FETCH_URL_ALLOWED_HOSTS", "127.0.0.1"), []);
    chat.upstream.push(call("t1", "fetch_url", &json!({"url": format!("http://127.0.0.1:{port}/?words=of+yours")})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    answer(&mut client, &question, "deny");
    assert_eq!(result(&mut client), ("The person declined this call".to_owned(), true));
    assert!(asked_of_it.lock().unwrap().is_empty());
}

#[test]
fn it_can_be_turned_off() {
    let chat = Chat::built(Server::builder().env("FETCH_URL", "false"), []);
    chat.upstream.push(call("t1", "fetch_url", &json!({"url": "http://127.0.0.1/"})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(of_type(&events, "tool_result")[0]["data"]["result"], "There is no tool named fetch_url");
    let offered = chat.upstream.requests()[0].body["tools"].to_string();
    assert!(!offered.contains("fetch_url"), "{offered}");
}
