//! Connections: sockets are opened and kept.

use serde_json::json;

use super::{SOCKETS, beside, house};
use crate::support::chat;
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::ws::{Client, Hello, Token};

#[test]
fn past_sixteen_sockets_the_oldest_ends_with_a_code_of_its_own() {
    let chat = house(Server::builder());
    let mut first = chat.socket();
    let mut second = chat.socket();
    let mut others: Vec<_> = (2..SOCKETS).map(|_| chat.socket()).collect();
    first.ask("image_list_request", json!({}));
    let mut newest = chat.socket();
    assert_eq!(first.wait_closed(), (4429, "too many connections".to_owned()));
    for client in others.iter_mut().chain([&mut second, &mut newest]) {
        client.ask("image_list_request", json!({}));
    }
    let mut bob = Client::connect(chat.server.port(), &chat::register(&chat.server, "bob"));
    bob.ask("image_list_request", json!({}));
}

#[test]
fn sockets_on_a_small_machine() {
    // 134 connections, of which 101 may be sockets.
    let chat = house(Server::builder().descriptors(200));
    let port = chat.server.port();
    let tokens: Vec<String> = (0..10).map(|n| chat::register(&chat.server, &format!("eve{n}"))).collect();
    let mut kept = Vec::new();
    beside(&chat.server, || {
        for round in 0..20 {
            for token in &tokens {
                let hello = Hello { port, path: "/ws", token: Token::Query(token), origin: None };
                kept.extend(Client::open(hello));
            }
            assert_eq!(chat.server.http().get("/health", None).status, 200, "round {round}");
        }
        let mut newcomer = Client::connect(port, &chat::register(&chat.server, "newcomer"));
        newcomer.ask("image_list_request", json!({}));
    });
    assert!(kept.len() > 101, "more than there may be were let in, one for another: {}", kept.len());
}

#[test]
fn sockets_from_one_address_behind_a_proxy() {
    let chat = house(Server::builder().descriptors(200).env("REGISTRATIONS_PER_HOUR", "0"));
    let open = |token: &str, address: &str| {
        let mut client = Raw::connect(chat.server.address());
        client.send(format!(
            "GET /ws?token={token} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        let status = client.response().status;
        (client, status)
    };
    // 33 of one address, of which 25 may be sockets; each account has one.
    let tokens: Vec<String> = (0..30).map(|n| chat::register(&chat.server, &format!("eve{n}"))).collect();
    let opened: Vec<_> = tokens.iter().map(|token| open(token, "203.0.113.9")).collect();
    let statuses: Vec<u16> = opened.iter().map(|(_, status)| *status).collect();
    assert_eq!((&statuses[..25], &statuses[25..]), (&[101; 25][..], &[429; 5][..]));
    assert_eq!(open(&tokens[29], "203.0.113.10").1, 101, "another address is not concerned");
}
