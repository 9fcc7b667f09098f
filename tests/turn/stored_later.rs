//! The end of a turn that cannot be stored at once: it is announced, kept, and stored as soon as that is possible.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::chat::{self, Chat, outline};
use crate::support::eventually;
use crate::support::people::sqlite3;
use crate::support::upstream::{Release, Script, Step};

/// The sqlite3 program, holding the database.
struct Holder(Child);

impl Holder {
    fn of(chat: &Chat) -> Self {
        let database = chat.server.data_dir().join("data/agentx.db");
        let mut child =
            Command::new("sqlite3").arg(&database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b".timeout 5000\nBEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take()); // its transaction ends with it
        let _ = self.0.wait();
    }
}

#[test]
fn all_its_events_are_counted() {
    let release = Release::default();
    let script = Script::deltas(&["one ", "two"]).pause_after(4, Step::WaitFor(release.clone()));
    let mut chat = Chat::with([script]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "go");
    client.wait_for("the second word", |event| event["data"]["text"] == "two");
    let holder = Holder::of(&chat);
    release.release();
    let events = client.events_until("conversation_end");
    let [.., error, end] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&error["type"], &error["data"]["code"]), (&json!("error_occurred"), &json!("database_busy")));
    assert_eq!(end["data"]["reason"], "error");
    let last = end["seq"].as_u64().unwrap();

    drop(holder);
    let database = chat.server.data_dir().join("data/agentx.db");
    eventually("the end is stored", || sqlite3(&database, "SELECT state FROM turns").trim() == "completed");
    assert_eq!(sqlite3(&database, "SELECT seqReserved FROM sessions").trim(), last.to_string());
    chat.server.restart();
    let mut client = chat.socket();
    let subscribed = chat::subscribe(&mut client, &image, Some(last));
    assert_eq!(subscribed, json!({"sessionId": image.session, "latestSeq": last}));
    assert_eq!(outline(&chat::messages(&mut client, &image))[1], ("assistant", "complete", "one two".to_owned()));
    chat.upstream.push(Script::text("three"));
    let events = chat::chat(&mut client, &image, "and now?");
    assert_eq!(events[0]["seq"], last + 1, "no number is used twice");
}
