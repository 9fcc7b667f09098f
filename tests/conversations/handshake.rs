//! Who is let in, and how.

use serde_json::json;

use super::demo;
use crate::support::eventually;
use crate::support::raw::{self, Raw, RawResponse};
use crate::support::ws::{Client, Hello, Refused, Token};

fn upgrade(port: u16, target: &str, lines: &str) -> RawResponse {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    let mut client = Raw::connect(([127, 0, 0, 1], port).into());
    client.send(request);
    client.response()
}

#[test]
fn a_socket_needs_a_valid_token() {
    let (server, token) = demo();
    let port = server.port();
    let tampered = format!("{}x", &token[..token.len() - 1]);
    for target in ["/ws", "/ws?token=", "/ws?token=nonsense", &format!("/ws?token={tampered}")] {
        let response = upgrade(port, target, "");
        assert_eq!(response.status, 401, "{target}");
        assert_eq!(response.json()["code"], "unauthenticated", "{target}");
        assert_eq!(response.header("upgrade"), None, "no upgrade happened");
    }
    let response = upgrade(port, "/ws", "Sec-WebSocket-Protocol: portagent.v1, bearer.nonsense\r\n");
    assert_eq!(response.status, 401);
    let plain =
        raw::exchange(([127, 0, 0, 1], port).into(), raw::request("GET", &format!("/ws?token={token}"), "", ""));
    assert!((400..500).contains(&plain.status), "no handshake, no socket: {}", plain.head);
    assert!(!server.stdout().contains(&token), "a token is never logged");
}

#[test]
fn both_ways_of_bringing_the_token() {
    let (server, token) = demo();
    let port = server.port();
    let response = upgrade(port, &format!("/ws?token={token}"), "");
    assert_eq!((response.status, response.header("sec-websocket-protocol")), (101, None));
    let response = upgrade(port, "/ws", &format!("Sec-WebSocket-Protocol: portagent.v1, bearer.{token}\r\n"));
    assert_eq!((response.status, response.header("sec-websocket-protocol")), (101, Some("portagent.v1")));
    assert!(!response.head.contains(&token), "the token is not echoed");
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for mut client in [Client::connect(port, &token), Client::connect_by_subprotocol(port, &token)] {
        assert_eq!(client.ask("image_list_request", json!({})), json!({"records": []}));
        assert_eq!(client.close().0, 1005, "a goodbye is answered in kind");
    }
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let (server, token) = demo();
    let port = server.port();
    let open = |origin: &str| {
        Client::open(Hello { port, path: "/ws", token: Token::Query(&token), origin: Some(origin) }).map(drop)
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1.evil.example"] {
        assert_eq!(open(origin), Err(Refused(403)), "{origin}");
    }
    assert_eq!(open(&format!("http://127.0.0.1:{port}")), Ok(()));
    let response = upgrade(port, &format!("/ws?token={token}"), "Origin: https://evil.example\r\n");
    assert_eq!(response.json()["code"], "foreign_origin");
}

#[test]
fn a_malformed_host_is_survived() {
    let (server, token) = demo();
    for host in ["", "[", "a b", "::::", "\u{1}"] {
        let mut client = Raw::connect(([127, 0, 0, 1], server.port()).into());
        client.send(format!(
            "GET /ws?token={token} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        let status = client.response().status;
        assert!(status == 101 || (400..500).contains(&status), "{host:?}: {status}");
    }
    assert_eq!(server.http().get("/health", None).status, 200);
}

/// A proxy that changes the host, and says which one was asked for.
#[test]
fn the_host_that_a_trusted_proxy_names_counts() {
    let (server, token) = demo();
    let ask = |lines: &str| {
        let request = format!(
            "GET /ws?token={token} HTTP/1.1\r\nHost: portagent.internal\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: https://chat.example.com\r\n{lines}\r\n"
        );
        let mut client = Raw::connect(server.address());
        client.send(request);
        client.response().status
    };
    let faults = || server.stdout().matches("a page of \"https://chat.example.com\" was refused").count();
    assert_eq!(ask("X-Forwarded-Host: chat.example.com\r\n"), 101);
    assert_eq!(faults(), 0);
    assert_eq!([ask(""), ask("")], [403, 403]);
    eventually("the log names it", || faults() == 1);
    assert!(server.stdout().contains("because it asked for host \"portagent.internal\""), "{}", server.stdout());
}

/// To the visitors it looks like our fault; the log says whose it is, once.
#[test]
fn a_proxy_that_loses_the_upgrade_or_speaks_another_protocol_is_named_in_the_log() {
    let (server, _) = demo();
    let exchange = |bytes: Vec<u8>| raw::exchange(server.address(), bytes);
    let handshake = "Connection: close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(exchange(raw::request("GET", "/ws", "Connection: close\r\n", "").into()).status, 426);
    for _ in 0..2 {
        let lost = exchange(raw::request("GET", "/ws", handshake, "").into());
        assert_eq!((lost.status, &lost.json()["code"]), (426, &json!("upgrade_required")));
    }
    let request = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let v1 = format!("PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n{request}").into_bytes();
    let v2 = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec(), vec![7; 12], request.as_bytes().to_vec()].concat();
    for preamble in [v1, v2] {
        let answer = exchange(preamble);
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("proxy_protocol")));
    }
    let said = |words: &str| server.stdout().matches(words).count();
    eventually("both are named", || said("began with the PROXY protocol") == 1);
    let words = "a WebSocket handshake arrived with Upgrade: (none) and Connection: \"close\"";
    eventually("the header is quoted", || said(words) == 1);
}
