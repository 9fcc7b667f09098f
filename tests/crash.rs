//! `kill -9` and SIGTERM in the middle of answers: nothing that was acknowledged is lost, nothing is double, and the
//! partial answer is there. `make crash` plays more rounds.

use std::time::{Duration, Instant};

use crate::support::chat::{self, Chat, Image, outline, said};
use crate::support::upstream::Script;
use crate::support::wires::Wire;
use crate::support::ws::Client;

/// What may be missing at the end of a partial answer: half a second, and what a busy machine adds to it.
const MAY_BE_MISSING: Duration = Duration::from_millis(900);
const WORDS: usize = 600;
const PACE: Duration = Duration::from_millis(10);

fn long_answer() -> Script {
    long_answer_on(Wire::Anthropic)
}

fn long_answer_on(wire: Wire) -> Script {
    let words: Vec<String> = (0..WORDS).map(|index| format!("word{index} ")).collect();
    wire.text(&words.iter().map(String::as_str).collect::<Vec<_>>()).slowly(PACE)
}

fn rounds() -> u64 {
    std::env::var("CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6)
}

/// Reads the stream for that long: each text with the time at which it came.
fn watch(client: &mut Client, time: Duration) -> Vec<(Instant, String)> {
    let until = Instant::now() + time;
    let mut texts = Vec::new();
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let Some(event) = client.next_event(left) else { break };
        if event["type"] == "text_delta" {
            texts.push((Instant::now(), event["data"]["text"].as_str().unwrap().to_owned()));
        }
    }
    texts
}

fn check_after_crash(chat: &Chat, wire: Wire, image: &Image, texts: &[(Instant, String)], killed: Instant) {
    let mut client = chat.socket();
    let stored = chat::messages(&mut client, image);
    let questions: Vec<_> = stored.iter().filter(|message| message["role"] == "user").collect();
    assert_eq!(questions.len(), 1, "the acknowledged message is there once: {stored:?}");
    let safe: String =
        texts.iter().filter(|(at, _)| killed.duration_since(*at) > MAY_BE_MISSING).map(|(_, text)| &**text).collect();
    let answers: Vec<_> = stored.iter().filter(|message| message["role"] == "assistant").collect();
    assert!(answers.len() <= 1, "no answer is double: {stored:?}");
    match answers.first() {
        Some(answer) => {
            assert_eq!(answer["status"], "interrupted");
            let kept = said(answer);
            assert!(kept.starts_with(&safe), "kept {} of {} bytes that had to be safe", kept.len(), safe.len());
            let whole: String = (0..WORDS).map(|index| format!("word{index} ")).collect();
            assert!(whole.starts_with(&kept), "what is kept is what was written");
        }
        None => assert!(safe.is_empty(), "{} bytes are lost", safe.len()),
    }
    // A client that comes back with an old position has to read again, and the conversation goes on.
    let answer = chat::subscribe(&mut client, image, Some(3));
    assert_eq!(answer["resync"], true, "{answer}");
    chat.upstream.push(wire.text(&["I am back."]));
    let events = chat::chat(&mut client, image, "Are you there?");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    assert_eq!(chat::streamed(&events), "I am back.");
}

#[test]
fn killed_at_many_moments() {
    let mut chat = Chat::with([]);
    for round in 0..rounds() {
        chat.upstream.push(long_answer());
        let (mut client, image) = chat.conversation();
        chat::send(&mut client, &image, "Please go on for long.");
        let texts = watch(&mut client, Duration::from_millis(150 + (round * 433) % 2600));
        let killed = Instant::now();
        chat.server.kill9();
        chat.server.restart();
        check_after_crash(&chat, Wire::Anthropic, &image, &texts, killed);
    }
}

#[test]
fn killed_on_every_wire() {
    for (number, wire) in Wire::ALL.into_iter().enumerate() {
        let mut chat = Chat::on(wire, [wire.call("current_time", "{}"), long_answer_on(wire)]);
        let (mut client, image) = chat.conversation();
        chat::send(&mut client, &image, "Please look, and go on for long.");
        client.wait_for("the second round", |event| event["data"]["text"] == "word0 ");
        let texts = watch(&mut client, Duration::from_millis(300 + 500 * number as u64));
        let killed = Instant::now();
        chat.server.kill9();
        chat.server.restart();
        let stored = chat::messages(&mut chat.socket(), &image);
        let roles: Vec<_> = stored.iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert!(roles.starts_with(&["user", "assistant", "tool"]), "{wire:?}: {roles:?}");
        let kept = stored.get(3).map(said).unwrap_or_default();
        let safe: String = texts
            .iter()
            .filter(|(at, _)| killed.duration_since(*at) > MAY_BE_MISSING)
            .map(|(_, text)| &**text)
            .collect();
        assert!(kept.contains(&safe) && roles.len() <= 4, "{wire:?}: {kept} lacks {safe}");
        chat.upstream.push(wire.text(&["I am back."]));
        let mut client = chat.socket();
        chat::subscribe(&mut client, &image, None);
        let events = chat::chat(&mut client, &image, "Are you there?");
        assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{wire:?}: {events:?}");
        assert_eq!(chat::streamed(&events), "I am back.");
    }
}

#[test]
fn stopped_by_the_service_manager_in_the_middle_of_an_answer() {
    let mut chat = Chat::with([long_answer()]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "Please go on for long.");
    let texts = watch(&mut client, Duration::from_millis(800));
    let began = Instant::now();
    let status = chat.server.terminate();
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(client.wait_closed().0, 1001);
    let left: Vec<String> = std::fs::read_dir(chat.server.data_dir().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("-wal"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    chat.server.restart();
    let stored = chat::messages(&mut chat.socket(), &image);
    let watched: String = texts.iter().map(|(_, text)| &**text).collect();
    let outline = outline(&stored);
    assert_eq!((outline.len(), outline[1].0, outline[1].1), (2, "assistant", "interrupted"));
    assert!(outline[1].2.starts_with(&watched), "an orderly stop loses nothing that was seen");
}
