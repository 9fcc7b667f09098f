//! Frames that are no proper requests: each gets an answer, and the socket stays open.

use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::Message;

use super::{connected, fields};
use crate::support::chat;

/// One frame, and the frame that answers it.
fn answer_to(client: &mut crate::support::ws::Client, frame: &str) -> Value {
    client.send_text(frame);
    client.next_event(Duration::from_secs(20)).unwrap_or_else(|| panic!("no answer to {frame}"))
}

#[test]
fn what_is_no_json_object() {
    let (_server, mut client) = connected();
    for frame in ["", "hello", "null", "5", "[]", "\"x\"", "{", "{\"id\":}", "{}}"] {
        let answer = answer_to(&mut client, frame);
        assert_eq!(answer["type"], "system_error", "{frame}");
        assert_eq!(fields(&answer["data"]), ["code", "message"], "{frame}");
    }
    client.send(Message::binary(vec![1, 2, 3]));
    assert_eq!(client.next_event(Duration::from_secs(20)).unwrap()["data"]["code"], "binary_frame");
    client.ask("image_list_request", json!({}));
}

#[test]
fn what_is_no_known_request() {
    let (server, mut client) = connected();
    let code = |answer: &Value| chat::text_of(&answer["error"]["code"]);
    let answer = answer_to(&mut client, r#"{"id":"a","type":"image_teleport_request","data":{}}"#);
    assert_eq!((&answer["id"], &answer["type"]), (&json!("a"), &json!("image_teleport_response")));
    assert_eq!((fields(&answer), code(&answer).as_str()), (vec!["error", "id", "type"], "unknown_type"));
    for frame in [r#"{"id":"b"}"#, r#"{"id":"b","type":7}"#, r#"{"id":"b","type":null}"#] {
        let answer = answer_to(&mut client, frame);
        assert_eq!((&answer["id"], code(&answer).as_str()), (&json!("b"), "missing_type"), "{frame}");
    }
    // The frame that ended the whole process of Portagent 1.9, for every request there is.
    for kind in ["create", "list", "get", "update", "delete", "messages"] {
        for data in
            ["", r#","data":null"#, r#","data":5"#, r#","data":[]"#, r#","data":"x""#, r#","data":{"imageId":5}"#]
        {
            let answer = answer_to(&mut client, &format!(r#"{{"id":"c","type":"image_{kind}_request"{data}}}"#));
            let is_fine = matches!(kind, "create" | "list")
                && !matches!(data, r#","data":5"# | r#","data":[]"# | r#","data":"x""#);
            assert_eq!(answer.get("error").is_none(), is_fine, "{kind} {data}: {answer}");
            assert!(is_fine || code(&answer) == "invalid_data", "{answer}");
        }
    }
    for kind in ["message_send", "turn_retry", "agent_interrupt", "subscribe", "unsubscribe"] {
        for data in ["", r#","data":null"#, r#","data":{}"#, r#","data":[]"#] {
            let answer = answer_to(&mut client, &format!(r#"{{"id":"d","type":"{kind}_request"{data}}}"#));
            assert_eq!(code(&answer), "invalid_data", "{kind} {data}");
            assert_eq!(answer["type"], format!("{kind}_response"));
        }
    }
    client.ask("image_list_request", json!({}));
    assert_eq!(server.http().get("/health", None).status, 200);
}

#[test]
fn a_frame_that_is_too_big_ends_the_socket() {
    let (server, mut client) = connected();
    let frame =
        |bytes: usize| format!(r#"{{"id":"big","type":"x_request","data":{{"fill":"{}"}}}}"#, "x".repeat(bytes));
    let room = 1024 * 1024 - frame(0).len();
    client.send_text(&frame(room));
    assert_eq!(client.answer("big")["error"]["code"], "unknown_type", "1 MiB is allowed");
    client.send_text(&frame(room + 1));
    assert_eq!(client.wait_closed(), (1009, "message too big".to_owned()));
    assert_eq!(server.http().get("/health", None).status, 200);
}

#[test]
fn text_that_is_not_utf8_ends_the_socket() {
    let (_server, mut client) = connected();
    let frame = tungstenite::protocol::frame::Frame::message(
        vec![0xff, 0xfe],
        tungstenite::protocol::frame::coding::OpCode::Data(tungstenite::protocol::frame::coding::Data::Text),
        true,
    );
    client.send(Message::Frame(frame));
    assert_eq!(client.wait_closed().0, 1007);
}
