//! Servers with bad habits: every turn ends once, the others' tools work, and no process is left.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{all_gone, call, chat, declared, processes};
use crate::support::chat::{self, Chat, of_type};
use crate::support::upstream::Script;

/// Two servers: one that is asked for `tool`, and a good one that is asked afterwards.
fn results(mode: &str, marker: &str, tool: &str, changes: &Value) -> (Chat, String, bool) {
    let mut bad = declared(mode, marker);
    for (key, value) in changes.as_object().unwrap() {
        bad[key] = value.clone();
    }
    let good = declared("legacy", &format!("{marker}99"));
    let scripts = [
        call("t1", &format!("bad__{tool}"), &json!({"text": "x"})),
        call("t2", "good__echo", &json!({"text": "still here"})),
        Script::text("Done."),
    ];
    let chat = chat(json!({"bad": bad, "good": good}), scripts);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(of_type(&events, "conversation_end").len(), 1, "{tool}");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{tool}");
    let found = of_type(&events, "tool_result");
    assert_eq!(found.len(), 2, "{tool}");
    assert_eq!(found[1]["data"]["result"], "echo: still here", "{tool}");
    assert!(client.next_event(Duration::from_millis(50)).is_none(), "nothing follows the end");
    let first = &found[0]["data"];
    (chat, chat::text_of(&first["result"]), first["isError"].as_bool().unwrap())
}

/// What the model learns, and that nothing is left after a stop.
fn check(marker: &str, tool: &str, changes: &Value, expected: &str, is_error: bool) {
    let (mut chat, text, is_wrong) = results("legacy", marker, tool, changes);
    assert!(text.contains(expected) && is_wrong == is_error, "{tool}: {text} {is_wrong}");
    assert!(!is_error || (text.lines().count() == 1 && text.len() < 2000), "one sentence: {text}");
    chat.server.terminate();
    all_gone(marker, Duration::from_secs(2));
}

#[test]
fn answers_that_are_odd() {
    check("43001", "fail", &json!({}), "no such file", true);
    check("43002", "twice", &json!({}), "first", false);
    check("43003", "garbage", &json!({}), "after the garbage", false);
    check("43004", "stranger", &json!({"timeoutSeconds": 1}), "did not answer in time", true);
}

#[test]
fn servers_that_end() {
    check("43005", "die", &json!({}), "it exited with 7", true);
    check("43006", "huge", &json!({}), "a line of more than 8 MiB", true);
}

#[test]
fn servers_that_take_too_much() {
    check("43007", "bomb", &json!({"processes": 20}), "is gone", true);
    check("43008", "hog", &json!({"memoryMb": 200}), "is gone", true);
}

#[test]
fn servers_that_never_answer() {
    check("43009", "hang", &json!({"timeoutSeconds": 1}), "did not answer in time", true);
}

#[test]
fn one_that_does_not_hear_sigterm_is_killed() {
    let (mut chat, _, _) = results("legacy,deaf", "43010", "spawn", &json!({}));
    assert!(processes("43010").len() >= 4, "the host, the server and two it started: {:?}", processes("43010"));
    let began = Instant::now();
    chat.server.terminate();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    all_gone("43010", Duration::from_secs(1));
}

#[test]
fn what_is_too_long_for_a_model_is_kept_as_a_file() {
    let (chat, text, _) = results("legacy", "43011", "long", &json!({}));
    assert!(text.len() < 100 * 1024 && text.contains("all of it is in tool-results/"), "{}", text.len());
    let name = text.rsplit_once("tool-results/").unwrap().1.trim_end_matches(']');
    let found = find(&chat.server.data_dir().join("containers"), name).expect("the file");
    assert_eq!(std::fs::metadata(found).unwrap().len(), 300 * 1024);
}

fn find(directory: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(directory).unwrap().flatten().find_map(|entry| match entry.path() {
        path if path.is_dir() => find(&path, name),
        path => (path.file_name().unwrap() == name).then_some(path),
    })
}
