//! Memory: answers that no one reads, that are read byte by byte, messages that never end, and a model that never stops.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{beside, for_a_while, house, lasts, page_of, plant, sockets};
use crate::support::chat::{self, Chat};
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::upstream::{Release, Script, Step};
use crate::support::ws::Client;

/// 120 KB as it is sent, 20 KB of text: stored before such characters were refused.
const CONTROL_CHARACTERS: &str = "replace(hex(zeroblob(20000)), '00', '\\u0001')";

/// An account whose lists and pages are as large as they can be.
fn hoard() -> (Chat, chat::Image) {
    let chat = house(Server::builder());
    let mut client = chat.socket();
    let image = chat::create(&mut client);
    (0..199).for_each(|_| drop(chat::create(&mut client)));
    plant(&chat.server, &image, 100, CONTROL_CHARACTERS);
    let long = "UPDATE images SET description = replace(hex(zeroblob(8000)), '00', char(1))";
    sqlite3(&chat.server.data_dir().join("data/agentx.db"), long);
    (chat, image)
}

/// Asks for as much as can be asked, and reads nothing.
fn ask_for_everything(client: &mut Client, image: &chat::Image) {
    rustix::net::sockopt::set_socket_recv_buffer_size(client.stream(), 4096).unwrap();
    for _ in 0..50 {
        client.send_request("image_list_request", json!({"limit": 200}));
        client.send_request("image_messages_request", page_of(image));
    }
}

#[test]
fn answers_that_are_not_read() {
    let (chat, image) = hoard();
    beside(&chat.server, || {
        let mut sockets = sockets(&chat);
        sockets.iter_mut().for_each(|client| ask_for_everything(client, &image));
        thread::sleep(lasts());
    });
}

#[test]
fn answers_that_are_read_a_hundred_bytes_a_second() {
    let (chat, image) = hoard();
    beside(&chat.server, || {
        let mut sockets = sockets(&chat);
        sockets.iter_mut().for_each(|client| ask_for_everything(client, &image));
        for_a_while(|| {
            for client in &sockets {
                client.stream().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let _ = client.stream().read(&mut [0; 10]);
            }
            thread::sleep(Duration::from_millis(100));
        });
    });
}

#[test]
fn messages_that_never_end() {
    let chat = house(Server::builder());
    let grown = beside(&chat.server, || {
        let sockets = sockets(&chat);
        let before = chat.server.rss_kib();
        for client in &sockets {
            // A masked text frame of 1 MiB, without its last bytes.
            let head = [[0x81, 0xff].as_slice(), &(1_u64 << 20).to_be_bytes(), &[0; 4]].concat();
            client.stream().set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let _ = client.stream().write_all(&[head, vec![b'x'; 1_048_000]].concat());
        }
        thread::sleep(lasts());
        chat.server.rss_kib().saturating_sub(before)
    });
    assert!(grown < 12 * 1024, "{grown} KiB more for 16 messages of 1 MiB, of which 4 MiB may be held");
}

/// A body of 7 MiB each, while answers come slowly.
#[test]
fn running_turns_do_not_keep_what_they_have_sent() {
    const TURNS: u64 = 4;
    const BODY_KIB: u64 = 7 * 1024;
    let release = Release::default();
    // What is freed goes back to the system at once, so that it can be measured.
    let chat = Chat::built(Server::builder().env("MALLOC_MMAP_THRESHOLD_", "131072"), []);
    let pdf = [b"%PDF-1.4\n".as_slice(), &vec![b'%'; 5 << 20]].concat();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/octet-stream\r\n", chat.token);
    let file = chat.server.http().request("POST", "/api/files?name=a.pdf", &headers, &pdf).json();
    let mut conversations: Vec<_> = (0..TURNS).map(|_| chat.conversation()).collect();
    let before = chat.server.rss_kib();
    for (client, image) in &mut conversations {
        chat.upstream.push(Script::deltas(&["It ", "is long."]).pause_after(3, Step::WaitFor(release.clone())));
        let parts = json!([{"type": "text", "text": "read it"}, {"type": "file", "fileId": file["fileId"]}]);
        client.ask("message_send_request", json!({"imageId": image.id, "content": parts}));
        client.wait_for("the beginning of the answer", |event| event["type"] == "text_delta");
    }
    let grown = chat.server.rss_kib().saturating_sub(before);
    let sent: usize = chat.upstream.requests().iter().map(|request| request.body.to_string().len()).sum();
    assert!(sent as u64 / 1024 > TURNS * (BODY_KIB - 512), "{sent} bytes were sent");
    // The files' contents are held, once; their bodies are not.
    assert!(grown < TURNS * BODY_KIB * 3 / 2, "{grown} KiB more for {TURNS} turns");
    let peak = chat.server.peak_kib();
    assert!(peak < super::MOST_KIB, "{peak} KiB");
    release.release();
    for (client, _) in &mut conversations {
        assert_eq!(client.events_until("conversation_end").last().unwrap()["data"]["reason"], "completed");
    }
}

#[test]
fn a_model_that_calls_tools_with_endless_names() {
    let chat = Chat::with([]);
    let name = "n".repeat(500_000);
    let mut answer = String::from("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n");
    for index in 0..100 {
        let block = json!({"type": "tool_use", "id": format!("t{index}"), "name": name, "input": {}});
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        answer += &format!("event: content_block_start\ndata: {start}\n\n");
    }
    chat.upstream.push(Script::raw("text/event-stream", answer.as_bytes()));
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "go");
    let stored = chat::settled(&mut chat.socket(), &image);
    let said = stored.last().unwrap().to_string();
    assert!(said.contains("too_long"), "it says why it ended: {}", &said[said.len().saturating_sub(500)..]);
    let peak = chat.server.peak_kib();
    assert!(peak < super::MOST_KIB, "{peak} KiB");
}
