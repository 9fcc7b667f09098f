//! What people send where WebSocket frames belong.

use serde_json::{Value, json};

use super::under_fire::withstands;
use crate::support::people::register;
use crate::support::raw::{Raw, exchange};
use crate::support::server::Server;
use crate::support::ws;

fn upgrade(token: &str, host: &str) -> String {
    format!(
        "GET /ws?token={token} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

#[test]
fn a_request_without_data_ends_nothing() {
    let server = Server::start();
    let token = register(&server, "ann");
    withstands(&server, || {
        let hello = ws::Hello { port: server.port(), path: "/ws", token: ws::Token::None, origin: None };
        assert_eq!(ws::Client::open(hello).err(), Some(ws::Refused(401)), "strangers do not get that far");
        let mut socket = ws::Client::connect(server.port(), &token);
        let types = [
            "image_list_request",
            "image_create_request",
            "image_get_request",
            "image_delete_request",
            "image_update_request",
            "image_messages_request",
            "message_send_request",
            "agent_interrupt_request",
            "subscribe_request",
            "unsubscribe_request",
            "turn_retry_request",
            "invented_request",
            "",
        ];
        for kind in types {
            for data in ["", ",\"data\":null", ",\"data\":7", ",\"data\":[]", ",\"data\":{\"imageId\":{}}"] {
                socket.send_text(&format!("{{\"id\":\"1\",\"type\":\"{kind}\"{data}}}"));
                let answer = socket.answer("1");
                assert!(answer["data"].is_object() || answer["error"]["code"].is_string(), "{kind}{data}: {answer}");
            }
        }
        assert!(socket.ask("image_list_request", json!({}))["records"].is_array());
    });
}

#[test]
fn a_thousand_frames_of_garbage() {
    let server = Server::start();
    let token = register(&server, "ann");
    withstands(&server, || {
        let mut socket = ws::Client::connect(server.port(), &token);
        let garbage = ["", "{", "null", "[]", "7", "\"x\"", "{\"id\":7}", "{\"type\":7}", "{\"id\":{},\"type\":[]}"];
        for n in 0..1000 {
            socket.send_text(garbage[n % garbage.len()]);
        }
        let mut answers = 0;
        while answers < 1000 {
            let frame = socket.next_event(ws::PATIENCE).unwrap_or_else(|| panic!("only {answers} answers"));
            assert!(frame["type"] == "system_error" || frame["error"].is_object(), "{frame}");
            answers += 1;
        }
        // It is still open, and as fast as before once it was left alone for a moment.
        crate::support::eventually("an answer", || {
            socket.request("image_list_request", json!({}))["data"]["records"].is_array()
        });
    });
}

#[test]
fn bytes_that_are_no_frames() {
    let server = Server::start();
    let token = register(&server, "ann");
    let deep = format!("{{\"id\":\"1\",\"type\":\"x\",\"data\":{}", "[".repeat(100_000));
    let masked = |text: &str| {
        let length = u16::try_from(text.len().min(60_000)).unwrap();
        let mut frame = vec![0x81, 0xfe];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(&text.as_bytes()[..usize::from(length)]);
        frame
    };
    let attacks: [Vec<u8>; 9] = [
        vec![0xff; 4096],
        vec![0; 4096],
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(),
        vec![0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], // says it has 8 EiB
        vec![0x81, 0x05, b'h', b'e', b'l', b'l', b'o'],                               // not masked
        vec![0xf1, 0x80, 0, 0, 0, 0],                                                 // reserved bits
        vec![0x89, 0xfe, 1, 0, 0, 0, 0, 0],                                           // a ping that is too long
        vec![0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],                                     // not UTF-8
        masked(&deep),
    ];
    withstands(&server, || {
        for attack in &attacks {
            let mut raw = Raw::connect(server.address());
            raw.send(upgrade(&token, "h"));
            assert_eq!(raw.try_response(true).unwrap().status, 101);
            let _ = raw.try_send(attack);
            let _ = raw.end_sending();
            let _ = raw.rest();
        }
    });
}

#[test]
fn upgrades_that_are_none() {
    let server = Server::start();
    let token = register(&server, "ann");
    withstands(&server, || {
        for host in ["a b", "[::1", "h:99999", "小", "@", "a/b", ""] {
            assert_eq!(exchange(server.address(), upgrade(&token, host)).status, 400, "{host:?}");
        }
        let good = upgrade(&token, "h");
        for (line, instead, expected) in [
            ("Sec-WebSocket-Version: 13\r\n", "", 400),
            ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12", 400),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
            ("Upgrade: websocket\r\n", "", 426),
            ("Host: h\r\n", "Host: h\r\nContent-Length: 5\r\n", 400),
            ("Host: h\r\n", "Host: h\r\nOrigin: http://evil.example\r\n", 403),
            ("?token=", "?nothing=", 401),
        ] {
            let answer = exchange(server.address(), good.replace(line, instead));
            assert_eq!(answer.status, expected, "{line:?} → {instead:?}: {}", answer.text());
        }
    });
    let mut socket = ws::Client::connect(server.port(), &token);
    assert_eq!(socket.ask("image_list_request", Value::Null)["records"], json!([]));
}
