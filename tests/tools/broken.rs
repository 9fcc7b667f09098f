//! Servers with bad habits: every turn ends once, the others' tools work, no process is left, and our memory stays small.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{all_gone, call, chat, declared, processes};
use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::upstream::Script;

/// A server, and what comes of a call.
struct Row {
    mode: &'static str,
    /// What is declared beside that.
    changes: Value,
    tool: &'static str,
    expected: &'static str,
    is_error: bool,
}

/// What a model learns of a server that is not ready.
const NOT_THERE: &str = "There is no tool named";
/// The most that our own process may have needed, in KiB: one line of a server is held at a time.
const MEMORY_KIB: u64 = 96 * 1024;

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let row = |mode, tool, expected, is_error| Row { mode, changes: json!({}), tool, expected, is_error };
    let with = |changes, row: Row| Row { changes, ..row };
    let soon = || json!({"timeoutSeconds": 1});
    vec![
        // Starting
        row("silent", "echo", NOT_THERE, true), // on the probe
        row("odd_error", "echo", "echo: x", false), // to the probe, instead of "method not found"
        row("exits", "echo", "echo: x", false), // on the probe
        row("never_lists", "echo", NOT_THERE, true),
        row("slow_start", "echo", NOT_THERE, true), // as npx with a cold cache
        row("prompts", "echo", NOT_THERE, true), // as npx without -y
        row("noisy", "echo", "echo: x", false), // 50 MB on stderr
        // Lists
        row("legacy", "union", "called union", false), // a union at the top of its schema, beside one of no object
        row("legacy", "second_page", "called second_page", false), // whose cursor leads to itself
        // Answers
        row("legacy", "fail", "no such file", true),
        row("legacy", "dump", "Traceback", true),
        row("legacy", "twice", "first", false),
        row("legacy", "nothing", "", false),
        row("legacy", "torn", "a picture, kept as", false),
        row("legacy", "garbage", "after the garbage", false),
        row("legacy", "babble", "what is no message", true), // without end
        row("legacy", "huge", "a line of more than 8 MiB", true), // 50 MB
        with(soon(), row("legacy", "stranger", "did not answer in time", true)), // answers to other ids
        with(soon(), row("legacy", "hang", "did not answer in time", true)),
        // Processes
        row("legacy", "die", "it exited with 7", true),
        with(json!({"processes": 20}), row("legacy", "bomb", "is gone", true)),
        with(json!({"memoryMb": 200}), row("legacy", "hog", "is gone", true)),
        row("legacy,deaf", "spawn", "spawned", false), // hears no SIGTERM, and leaves children
    ]
}

fn marker(at: usize) -> String {
    format!("{}", 43101 + at)
}

/// A server that only conversations have which choose it.
fn chosen(mode: &str, marker: &str, changes: &Value) -> Value {
    let mut declared = declared(mode, marker);
    declared["default"] = json!(false);
    for (key, value) in changes.as_object().unwrap() {
        declared[key] = value.clone();
    }
    declared
}

fn conversation_with(chat: &Chat, tools: &Value) -> (crate::support::ws::Client, Image) {
    let mut client = chat.socket();
    let record = client.ask("image_create_request", json!({"tools": tools}))["record"].take();
    let image = Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    (client, image)
}

/// Calls the bad server, and the good one after it. What the model learns of the first.
fn tried(chat: &Chat, server: &str, tool: &str) -> (String, bool) {
    chat.upstream.push(call("t1", &format!("{server}__{tool}"), &json!({"text": "x"})));
    chat.upstream.push(call("t2", "good__echo", &json!({"text": "still here"})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = conversation_with(chat, &json!([server, "good"]));
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(of_type(&events, "conversation_end").len(), 1, "{server} {tool}");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{server} {tool}");
    let found = of_type(&events, "tool_result");
    assert_eq!(found.len(), 2, "{server} {tool}");
    assert_eq!(found[1]["data"]["result"], "echo: still here", "{server} {tool}");
    assert!(client.next_event(Duration::from_millis(50)).is_none(), "nothing follows the end");
    let first = &found[0]["data"];
    (chat::text_of(&first["result"]), first["isError"].as_bool().unwrap())
}

#[test]
fn bad_servers_hurt_neither_turns_nor_other_servers() {
    let rows = rows();
    let mut servers = json!({"good": chosen("legacy", "43199", &json!({}))});
    for (at, row) in rows.iter().enumerate() {
        servers[format!("bad{at}")] = chosen(row.mode, &marker(at), &row.changes);
    }
    let mut chat = chat(servers, []);
    // A conversation that begins before a server is ready would not have it.
    super::tested(&chat, "good");
    for (at, row) in rows.iter().enumerate() {
        if row.expected != NOT_THERE {
            super::tested(&chat, &format!("bad{at}"));
        }
        let (text, is_error) = tried(&chat, &format!("bad{at}"), row.tool);
        assert!(
            text.contains(row.expected) && is_error == row.is_error,
            "{} {}: {text} {is_error}",
            row.mode,
            row.tool
        );
        assert!(!is_error || (text.lines().count() == 1 && text.len() < 2000), "one sentence: {text}");
    }
    let spawning = marker(rows.len() - 1);
    assert!(processes(&spawning).len() >= 4, "the host, the server and two it started: {:?}", processes(&spawning));
    let used = chat.server.peak_kib();
    assert!(used < MEMORY_KIB, "{used} KiB");
    chat.server.terminate();
    (0..rows.len()).for_each(|at| all_gone(&marker(at), Duration::from_secs(5)));
    all_gone("43199", Duration::from_secs(5));
}

#[test]
fn one_that_does_not_hear_sigterm_is_killed() {
    let servers =
        json!({"bad": chosen("legacy,deaf", "43010", &json!({})), "good": chosen("legacy", "43011", &json!({}))});
    let mut chat = chat(servers, []);
    ["bad", "good"].iter().for_each(|name| drop(super::tested(&chat, name)));
    tried(&chat, "bad", "spawn");
    assert!(processes("43010").len() >= 4, "the host, the server and two it started: {:?}", processes("43010"));
    let began = Instant::now();
    chat.server.terminate();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    all_gone("43010", Duration::from_secs(1));
}

#[test]
fn a_name_that_is_too_long_is_shortened_and_can_be_called() {
    let chat = chat(json!({"bad": declared("legacy,long_names", "43012")}), [Script::text("Hello.")]);
    super::tested(&chat, "bad");
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hello");
    let tools = chat.upstream.requests()[0].body["tools"].as_array().unwrap().clone();
    let mut names = tools.iter().filter_map(|tool| tool["name"].as_str());
    let name = names.find(|name| name.starts_with("bad__long_")).unwrap().to_owned();
    assert_eq!(name.len(), 64, "{name}");
    chat.upstream.push(call("t1", &name, &json!({})));
    chat.upstream.push(Script::text("Done."));
    let events = chat::chat(&mut client, &image, "go");
    let expected = format!("called {}", "long_".repeat(30));
    assert_eq!(of_type(&events, "tool_result")[0]["data"]["result"], expected);
}

#[test]
fn what_is_too_long_for_a_model_is_kept_as_a_file() {
    let chat = chat(json!({"fake": declared("legacy", "43013")}), []);
    super::tested(&chat, "fake");
    chat.upstream.push(call("t1", "fake__long", &json!({})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let result = &of_type(&events, "tool_result")[0]["data"];
    let text = chat::text_of(&result["result"]);
    assert!(text.len() < 100 * 1024 && text.contains("all of it is in tool-results/"), "{}", text.len());
    let name = text.rsplit_once("tool-results/").unwrap().1.trim_end_matches(']');
    let found = find(&chat.server.data_dir().join("containers"), name).expect("the file");
    assert_eq!(std::fs::metadata(found).unwrap().len(), 300 * 1024);
    let file = json!({"path": format!("tool-results/{name}"), "mediaType": "text/plain", "size": 300 * 1024});
    assert_eq!(result["files"], json!([file]));
}

fn find(directory: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(directory).unwrap().flatten().find_map(|entry| match entry.path() {
        path if path.is_dir() => find(&path, name),
        path => (path.file_name().unwrap() == name).then_some(path),
    })
}
