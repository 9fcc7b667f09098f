//! The disk fills up while people chat, and the operator makes room.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use super::{A_WHILE, check, eventually_well, refusal, said};
use crate::support::chat::{self, Chat};
use crate::support::disk::Tmpfs;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::upstream::Script;

/// Takes all the room there is.
fn fill(path: &PathBuf) {
    let mut file = File::create(path).unwrap();
    for size in [65536, 4096, 512, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn nothing_is_half_taken_and_what_was_written_is_stored_when_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let Some(mount) = Tmpfs::mount(&home.path().join("agentx"), "8m") else { return };
    let words: Vec<String> = (0..150).map(|index| format!("word{index} ")).collect();
    let answer =
        Script::deltas(&words.iter().map(String::as_str).collect::<Vec<_>>()).slowly(Duration::from_millis(10));
    let chat = Chat::in_home(Server::builder(), home, [answer]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "A long answer, please.");
    client.events_until("text_delta");
    let filler = chat.server.data_dir().join("filler");
    fill(&filler);

    // The answer goes on, and its end says that it could not be stored yet.
    let events = client.events_until("conversation_end");
    let errors = chat::of_type(&events, "error_occurred");
    assert_eq!(errors.len(), 1, "the person is told once: {errors:?}");
    assert_eq!(errors[0]["data"]["code"], "disk_full", "{}", errors[0]);
    assert!(errors[0]["data"]["message"].as_str().unwrap().contains("not be stored yet"), "{}", errors[0]);

    assert_eq!(refusal(&mut client, &image, "Is it stored?", "c1"), "disk_full");
    assert_eq!(chat::messages(&mut client, &image)[0]["role"], "user", "reading goes on");
    assert_eq!(chat.server.http().get("/health", None).status, 503);
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("disk is full")), ("fail", true), "{message}");
    sleep(A_WHILE);
    for again in 0..5 {
        assert_eq!(refusal(&mut client, &image, "Is it stored?", &format!("x{again}")), "disk_full");
    }
    let told = said(&chat.server, "ERROR", "agentx.db");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("The disk is full") && told[0].contains("Free some space"), "{}", told[0]);

    std::fs::remove_file(&filler).unwrap();
    eventually_well(&chat.server, "agentx.db");
    eventually("what was written meanwhile is stored", || {
        let stored = chat::messages(&mut client, &image);
        sleep(Duration::from_millis(50));
        stored.last().is_some_and(|last| last["status"] == "complete" && chat::said(last) == words.concat())
    });
    assert_eq!(said(&chat.server, "INFO", "agentx.db can be used again").len(), 1);
    chat.upstream.push(Script::text("It is."));
    assert_eq!(refusal(&mut client, &image, "Is it stored?", "c1"), "");
    client.events_until("conversation_end");
    assert_eq!(refusal(&mut client, &image, "Is it stored?", "c1"), "", "the same again");
    let stored = chat::messages(&mut client, &image);
    let outline: Vec<_> = chat::outline(&stored).into_iter().map(|(role, status, _)| (role, status)).collect();
    let complete = |role| (role, "complete");
    assert_eq!(
        outline,
        ["user", "assistant", "user", "assistant"].map(complete),
        "nothing refused is there: {stored:?}"
    );
    drop((chat, mount));
}
