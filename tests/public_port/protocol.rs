//! HTTP/1.1 through the real program, and the health check as monitoring programs make it.

use std::process::Command;

use serde_json::json;

use crate::support::raw::{Raw, exchange, request};
use crate::support::server::Server;

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

#[test]
fn health_has_exactly_its_shape() {
    let server = Server::start();
    let answer = server.http().get("/health", None);
    let text = answer.text();
    let timestamp = text.strip_prefix(r#"{"status":"ok","timestamp":"#).and_then(|rest| rest.strip_suffix('}'));
    let timestamp: u64 = timestamp.expect(&text).parse().expect(&text);
    assert!(now_ms().abs_diff(timestamp) < 60_000, "milliseconds: {text}");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json; charset=utf-8")));

    let ready = server.http().get("/health/ready", None);
    let checks = ready.json();
    assert_eq!((ready.status, &checks["status"]), (200, &json!("pass")), "{checks}");
    for check in checks["checks"].as_array().unwrap() {
        assert!(check["name"].is_string() && check["message"].is_string() && check["status"].is_string(), "{check}");
    }
}

#[test]
fn wget_and_the_program_itself_find_it_healthy() {
    let mut server = Server::start();
    let url = format!("http://127.0.0.1:{}/health", server.port());
    let spider = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .arg(&url)
            .env("no_proxy", "*")
            .output()
            .ok()
            .map(|run| run.status.success())
    };
    let programs: [(&str, &[&str]); 2] =
        [("wget", &["-q", "--tries=1", "--spider"]), ("busybox", &["wget", "-q", "--spider"])];
    assert_eq!(spider("wget", programs[0].1), Some(true));
    assert_ne!(spider("busybox", programs[1].1), Some(false), "where there is one");
    assert_eq!(server.run(&["healthcheck"]).code, Some(0));
    server.terminate();
    assert_eq!(spider("wget", programs[0].1), Some(false));
    assert_eq!(server.run(&["healthcheck"]).code, Some(1));
}

#[test]
fn one_connection_many_requests() {
    let server = Server::start();
    let mut raw = Raw::connect(server.address());
    raw.send(request("GET", "/health", "", ""));
    assert_eq!(raw.response().status, 200);
    raw.send(request("HEAD", "/health", "", ""));
    let head = raw.response_to_head();
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(head.status == 200 && length > 30, "{}", head.head);
    let login = r#"{"usernameOrEmail":"ann","password":"xxxxxx"}"#;
    let json = "Content-Type: application/json\r\n";
    raw.send(request("POST", "/api/auth/login", json, login));
    assert_eq!(raw.response().status, 401);
    let (first, second) = login.split_at(10);
    raw.send(format!("POST /api/auth/login HTTP/1.1\r\nHost: h\r\n{json}Transfer-Encoding: chunked\r\n\r\n"));
    raw.send(format!(
        "{:x}\r\n{first}\r\n{:x};ext=1\r\n{second}\r\n0\r\nTrailer: x\r\n\r\n",
        first.len(),
        second.len()
    ));
    assert_eq!(raw.response().status, 401);
    raw.send(request("GET", "/nothing.here", "", ""));
    assert_eq!(raw.response().status, 404);
    raw.send([request("GET", "/health", "", ""), request("GET", "/health", "Connection: close\r\n", "")].concat());
    assert_eq!(raw.response().header("connection"), None);
    assert_eq!(raw.response().header("connection"), Some("close"));
    assert!(raw.is_closed_within(std::time::Duration::from_secs(5)));
}

#[test]
fn a_client_that_asks_before_it_sends() {
    let server = Server::start();
    let login = r#"{"usernameOrEmail":"ann","password":"xxxxxx"}"#;
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        )
    };
    let mut raw = Raw::connect(server.address());
    raw.send(head("/api/auth/login", login.len()));
    assert_eq!(raw.try_response(true).unwrap().status, 100);
    raw.send(login);
    assert_eq!(raw.response().status, 401);
    for (path, length, expected) in
        [("/api/auth/login", 1_000_000_000, 413), ("/api/auth/logout", 10, 401), ("/api/x", 10, 404)]
    {
        let answer = exchange(server.address(), head(path, length));
        assert_eq!(answer.status, expected, "{path} is refused before anything is sent");
    }
}

#[test]
fn http_1_0() {
    let server = Server::start();
    let mut raw = Raw::connect(server.address());
    raw.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let first = raw.response();
    assert_eq!((first.status, first.header("connection")), (200, Some("keep-alive")));
    raw.send("GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(raw.response().status, 200);
    assert!(raw.is_closed_within(std::time::Duration::from_secs(5)));
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let server = Server::start();
    for (method, path, status) in [
        ("GET", "/api/nothing", 404),
        ("POST", "/api/nothing", 404),
        ("GET", "/api", 404),
        ("GET", "/agentx/nothing", 404),
        ("GET", "/health/nothing", 404),
        ("GET", "/missing.png", 404),
        ("DELETE", "/health", 405),
        ("POST", "/", 405),
        ("GET", "/ws", 426),
    ] {
        let answer = server.http().request(method, path, "", b"");
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["error"].is_string() && answer.json()["code"].is_string(), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
}
