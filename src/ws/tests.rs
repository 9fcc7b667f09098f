//! Reader, writer and hub together over a loopback socket, with a small dispatcher of our own in place of the services.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;

use super::socket::{self, Incoming};
use super::{WsOptions, protocol};
use crate::domain::Error;
use crate::domain::event::{Context, EventKind};
use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId, UserId};
use crate::domain::limits::WS_MESSAGE_BYTES;
use crate::domain::user::Login;
use crate::hub::{CloseReason, Hub, Outbox};

#[allow(dead_code)]
#[path = "../../tests/support/ws.rs"]
mod client;

use client::{Client, Hello, Token};

/// Accepts sockets and serves each until it ends.
struct Server {
    hub: Arc<Hub>,
    listener: TcpListener,
    options: WsOptions,
    context: Arc<Context>,
}

impl Server {
    fn new(options: WsOptions) -> Self {
        let context = Context {
            container_id: ContainerId::from("user-1".to_owned()),
            conversation_id: ConversationId::from("img_1".to_owned()),
            session_id: SessionId::from("sess_1".to_owned()),
            turn_id: TurnId::from("turn_1".to_owned()),
        };
        let hub = Arc::new(Hub::new());
        hub.open(&context.session_id, 0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        Self { hub, listener, options, context: Arc::new(context) }
    }

    /// A client, and the thread that serves it.
    fn connect(&self) -> (Client, JoinHandle<CloseReason>) {
        let listener = self.listener.try_clone().expect("a listener");
        let (hub, options, context) = (Arc::clone(&self.hub), self.options.clone(), Arc::clone(&self.context));
        let serving = thread::spawn(move || serve(&listener, &hub, &options, &context));
        let port = self.listener.local_addr().expect("an address").port();
        (Client::open(Hello { port, path: "/ws", token: Token::None, origin: None }).expect("connected"), serving)
    }

    fn publish(&self, text: &str) -> u64 {
        self.hub.publish(&self.context, delta(text))
    }
}

fn delta(text: &str) -> EventKind {
    EventKind::TextDelta { message_id: MessageId::from("msg_1".to_owned()), text: text.to_owned(), html: None }
}

fn serve(listener: &TcpListener, hub: &Arc<Hub>, options: &WsOptions, context: &Arc<Context>) -> CloseReason {
    let (stream, _) = listener.accept().expect("a connection");
    let head = handshake(&stream);
    let outbox = Outbox::new();
    let user = UserId::from("ann".to_owned());
    let login = Login::Legacy { digest: "d".to_owned(), issued_at_s: 0, expires_at_s: 0 };
    let connected = hub.connect(user, login, None, Arc::clone(&outbox)).expect("room");
    let reason = socket::run(stream, Vec::new(), head, &outbox, options, &mut |incoming| {
        let Incoming::Text(text) = incoming else {
            let _ = outbox.push(protocol::system_error(&Error::invalid("binary_frame", "no")));
            return;
        };
        let request = match protocol::Request::parse(text) {
            Ok(request) => request,
            Err(error) => {
                let _ = outbox.push(protocol::system_error(&error));
                return;
            }
        };
        match request.kind.as_deref() {
            Some("subscribe_request") => hub
                .subscribe(&outbox, &context.session_id, 0, Some(0), |s| request.reply.data(&s.latest_seq))
                .expect("room"),
            // As a turn does: the answer, then the first event.
            Some("message_send_request") => {
                let _ = outbox.push(request.reply.data(&"ok"));
                hub.publish(context, EventKind::ConversationStart { continues: false });
            }
            Some("panic_request") => panic!("as a broken handler would"),
            _ => {
                let _ = outbox.push(request.reply.data(&"echo"));
            }
        }
    });
    drop(connected);
    reason
}

/// Reads the request's head byte by byte, so that nothing behind it is taken, and makes the answer.
fn handshake(mut stream: &std::net::TcpStream) -> Vec<u8> {
    use std::io::Read;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).expect("text");
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

#[test]
fn answers_come_before_their_events_and_events_in_order() {
    let server = Server::new(WsOptions::default());
    let (mut client, serving) = server.connect();
    assert_eq!(client.ask("subscribe_request", json!({})), 0);
    for round in 1..=200 {
        let id = client.send_request("message_send_request", json!({}));
        let first = client.next_event(client::PATIENCE).expect("a frame");
        assert_eq!(first["id"], id.as_str(), "round {round}");
        let second = client.next_event(client::PATIENCE).expect("a frame");
        assert_eq!((&second["type"], &second["seq"]), (&json!("conversation_start"), &json!(round)));
    }
    assert_eq!(client.close(), (1005, String::new()));
    assert_eq!(serving.join().expect("no panic"), CloseReason::Goodbye(None));
    assert_eq!(server.hub.connected_count(), 0);
}

#[test]
fn a_thousand_frames_of_garbage_do_no_harm() {
    let server = Server::new(WsOptions::default());
    let (mut client, serving) = server.connect();
    for round in 0..1000 {
        match round % 4 {
            0 => client.send_text("garbage"),
            1 => client.send_text("[1,2"),
            2 => client.send(Message::binary(vec![0xff; 100])),
            _ => client.send_text("null"),
        }
        let answer = client.next_event(client::PATIENCE).expect("an answer");
        assert_eq!(answer["type"], "system_error");
    }
    assert_eq!(client.ask("anything", json!(null)), "echo");
    drop(client);
    assert_eq!(serving.join().expect("no panic"), CloseReason::Goodbye(None), "gone without a word");
}

#[test]
fn a_message_that_is_too_big_is_refused_with_1009() {
    let server = Server::new(WsOptions::default());
    let (mut client, serving) = server.connect();
    client.send_text(&format!(r#"{{"type":"{}"}}"#, "x".repeat(WS_MESSAGE_BYTES)));
    assert_eq!(client.wait_closed(), (1009, "message too big".to_owned()));
    assert_eq!(serving.join().expect("no panic"), CloseReason::TooBig);
}

#[test]
fn frames_against_the_protocol_are_refused() {
    let check = |raw: &[u8], code: u16| {
        let server = Server::new(WsOptions::default());
        let (mut client, serving) = server.connect();
        client.stream().write_all(raw).expect("written");
        assert_eq!(client.wait_closed().0, code, "{raw:?}");
        drop(client);
        serving.join().expect("no panic");
    };
    check(&[0x81, 0x01, b'x'], 1002); // not masked
    check(&[0x83, 0x80, 0, 0, 0, 0], 1002); // an opcode that does not exist
    check(&[0xc1, 0x80, 0, 0, 0, 0], 1002); // a reserved bit
    check(&[0x80, 0x80, 0, 0, 0, 0], 1002); // a continuation of nothing
    check(&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007); // not UTF-8
    check(&[[0x81].as_slice(), &[0xff; 9], &[0; 4]].concat(), 1009); // 2^64 bytes announced
}

#[test]
fn the_hub_ends_connections_with_its_reasons() {
    let check = |close: &dyn Fn(&Hub), code: u16, text: &str| {
        let server = Server::new(WsOptions::default());
        let (mut client, serving) = server.connect();
        assert_eq!(client.ask("x", json!({})), "echo");
        let began = Instant::now();
        close(&server.hub);
        assert_eq!(client.wait_closed(), (code, text.to_owned()));
        assert!(began.elapsed() < Duration::from_secs(1), "at once, not at the next timeout");
        serving.join().expect("no panic");
        assert!(began.elapsed() < Duration::from_secs(1), "its goodbye was heard");
        assert!(server.hub.wait_closed(Instant::now()));
    };
    check(&Hub::close_all, 1001, "server is stopping");
    let ann = UserId::from("ann".to_owned());
    check(&|hub| hub.close_user(&ann, CloseReason::AccountDisabled), 1008, "account disabled");
    let login = Login::Legacy { digest: "d".to_owned(), issued_at_s: 0, expires_at_s: 0 };
    check(&|hub| hub.close_login(&login), 1008, "logged out");
}

#[test]
fn a_peer_that_never_answers_a_close_does_not_hold_the_thread() {
    let server = Server::new(WsOptions::default());
    let (client, serving) = server.connect();
    server.hub.close_all();
    let began = Instant::now();
    serving.join().expect("no panic");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(client);
}

#[test]
fn pings_go_out_and_silence_ends_the_connection() {
    let options = WsOptions {
        ping_every: Duration::from_millis(50),
        silence: Duration::from_millis(400),
        ..WsOptions::default()
    };
    let server = Server::new(options);
    let (mut client, serving) = server.connect();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(900) {
        assert_eq!(client.next_event(Duration::from_millis(100)), None, "reading answers the pings");
    }
    assert_eq!(client.ask("x", json!({})), "echo", "still there, thanks to its pongs");
    thread::sleep(Duration::from_millis(900)); // the peer's own silence is what is tested
    assert_eq!(client.wait_closed().0, 1008);
    assert_eq!(serving.join().expect("no panic"), CloseReason::Silent);
}

#[test]
fn who_does_not_read_events_is_closed_and_finds_them_again() {
    let server = Server::new(WsOptions::default());
    let (mut client, serving) = server.connect();
    assert_eq!(client.ask("subscribe_request", json!({})), 0);
    let large = "x".repeat(10_000);
    for _ in 0..6000 {
        server.publish(&large); // 60 MB: more than any kernel keeps for a client that does not read
    }
    let (code, reason) = client.wait_closed();
    assert_eq!((code, reason.as_str()), (1008, "too slow"));
    assert_eq!(serving.join().expect("no panic"), CloseReason::TooSlow);
    let (mut client, _serving) = server.connect();
    assert_eq!(client.ask("subscribe_request", json!({})), 6000);
}

#[test]
fn a_large_answer_arrives_whole() {
    let server = Server::new(WsOptions::default());
    let (mut client, _serving) = server.connect();
    client.ask("subscribe_request", json!({}));
    let large = "你好".repeat(300_000);
    server.publish(&large);
    let event = client.next_event(client::PATIENCE).expect("an event");
    assert_eq!(event["data"]["text"], large.as_str());
}

#[test]
fn a_panic_in_a_request_ends_its_connection_alone() {
    let server = Server::new(WsOptions::default());
    let (mut client, serving) = server.connect();
    let (mut other, _serving) = server.connect();
    client.send_request("panic_request", json!({}));
    assert_eq!(client.wait_closed().0, 1011);
    assert!(serving.join().is_err());
    assert_eq!(other.ask("x", json!({})), "echo");
    assert_eq!(server.hub.connected_count(), 1, "it took itself off the list");
}

#[test]
fn who_reads_below_the_least_rate_is_dropped_although_they_never_stop() {
    let check = |least_rate: usize, seconds: u64, expected: CloseReason| {
        let stall = Duration::from_millis(300);
        let server = Server::new(WsOptions { stall, least_rate, ..WsOptions::default() });
        let (mut client, serving) = server.connect();
        client.ask("subscribe_request", json!({}));
        server.publish(&"x".repeat(24 * 1024 * 1024)); // more than any kernel keeps for a client
        let mut buffer = vec![0; 16 * 1024];
        let began = Instant::now();
        while !serving.is_finished() && began.elapsed() < Duration::from_secs(seconds) {
            let _ = std::io::Read::read(&mut client.stream(), &mut buffer);
            thread::sleep(Duration::from_millis(10));
        }
        drop(client);
        assert_eq!(serving.join().expect("no panic"), expected, "at least {least_rate} bytes a second");
    };
    check(32 * 1024 * 1024, 20, CloseReason::TooSlow);
    check(1024, 3, CloseReason::Goodbye(None));
}

#[test]
fn messages_that_are_not_whole_yet_share_one_budget_and_all_get_through() {
    let server = Server::new(WsOptions::default());
    let clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let sending: Vec<_> = clients
        .into_iter()
        .map(|(mut client, serving)| {
            thread::spawn(move || {
                // Twice what the budget holds; in parts, with a ping in between.
                let frame = json!({"id": "r", "type": "x", "data": "x".repeat(WS_MESSAGE_BYTES - 100)}).to_string();
                client.send(Message::Ping(vec![7; 100].into()));
                client.send_text(&frame);
                assert_eq!(client.answer("r")["data"], "echo");
                client.close();
                serving.join().expect("no panic")
            })
        })
        .collect();
    for sent in sending {
        assert_eq!(sent.join().expect("all are answered"), CloseReason::Goodbye(None));
    }
}

#[test]
fn unfinished_messages_of_a_person_are_not_read_past_their_budget() {
    let server = Server::new(WsOptions { silence: Duration::from_millis(500), ..WsOptions::default() });
    let part = WS_MESSAGE_BYTES - 1000;
    let begin = |client: &Client| {
        // A masked text frame of 1 MiB that never ends.
        let head = [[0x81, 0xff].as_slice(), &(WS_MESSAGE_BYTES as u64).to_be_bytes(), &[0; 4]].concat();
        client.stream().write_all(&head).expect("written");
        client.stream().set_nonblocking(true).expect("set");
        let sent = client.stream().write(&vec![b'x'; part]).unwrap_or(0);
        client.stream().set_nonblocking(false).expect("set");
        sent
    };
    let clients: Vec<_> = (0..12).map(|_| server.connect()).collect();
    let sent: usize = clients.iter().map(|(client, _)| begin(client)).sum();
    assert!(sent > 0);
    for (client, serving) in clients {
        assert_eq!(serving.join().expect("no panic"), CloseReason::Silent, "each is given up in time");
        drop(client);
    }
    let (mut client, _serving) = server.connect();
    assert_eq!(client.ask("x", json!({})), "echo", "what they held is given back");
}
