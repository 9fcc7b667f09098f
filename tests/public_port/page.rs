//! The page's files, their headers, and the sub-path under which a proxy may put everything.

use serde_json::json;

use crate::support::people::{PASSWORD, register};
use crate::support::server::Server;
use crate::support::ws;

#[test]
fn every_path_without_a_dot_is_the_page() {
    let server = Server::start();
    let page = server.http().get("/", None);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for path in ["/chat/img_1", "/login", "/a/b/c", "/?x=1"] {
        assert_eq!(server.http().get(path, None).body, page.body, "{path}");
    }
    let text = page.text();
    let files: Vec<&str> = text.split('"').filter(|word| word.starts_with('/') && word.contains('.')).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let answer = server.http().get(file, None);
        assert_eq!(answer.status, 200, "{file}");
        assert!(!answer.header("content-type").unwrap().contains("text/html"), "{file}");
    }
}

#[test]
fn every_answer_has_its_headers() {
    let server = Server::start();
    let mut ids = std::collections::HashSet::new();
    for path in ["/", "/health", "/api/nothing", "/agentx/info", "/missing.js"] {
        let answer = server.http().get(path, None);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for absent in ["access-control-allow-origin", "server", "x-powered-by", "set-cookie"] {
            assert_eq!(answer.header(absent), None, "{path}");
        }
        assert!(ids.insert(answer.header("x-request-id").unwrap().to_owned()), "{path}");
    }
}

#[test]
fn a_sub_path() {
    let server = Server::builder().env("PUBLIC_URL", "https://example.com/chat/").start();
    register(&server, "ann");
    let http = server.http();
    let body = json!({"usernameOrEmail": "ann", "password": PASSWORD});
    let token = http.post("/chat/api/auth/login", None, &body).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(http.get("/chat/agentx/info", Some(&token)).json()["wsPath"], "/chat/ws");
    for (path, expected) in [("/health", 200), ("/chat/health", 200), ("/chat/", 200), ("/chat/some/where", 200)] {
        assert_eq!(http.get(path, None).status, expected, "{path}");
    }
    let page = http.get("/chat/", None).text();
    for file in page.split('"').filter(|word| word.starts_with('/') && word.contains('.')) {
        assert!(file.starts_with("/chat/"), "{file}");
        assert_eq!(http.get(file, None).status, 200, "{file}");
    }
    let hello = |origin| ws::Hello { port: server.port(), path: "/chat/ws", token: ws::Token::Query(&token), origin };
    let mut socket = ws::Client::open(hello(Some("https://example.com"))).unwrap();
    socket.ask("image_list_request", json!({}));
    assert_eq!(ws::Client::open(hello(Some("https://evil.example"))).err(), Some(ws::Refused(403)));
}

#[test]
fn without_a_sub_path_it_is_just_a_path() {
    let server = Server::start();
    register(&server, "ann");
    assert_eq!(server.http().get("/chat/api/auth/config", None).json(), serde_json::Value::Null, "the page");
}
