//! Versions outlive crashes and restarts, are found, are exported, and are whole for those who look into the tables.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{edit, regenerate, select, texts, versions};
use crate::support::chat::{self, Chat, said};
use crate::support::people::sqlite3;
use crate::support::upstream::Script;

#[test]
fn killed_in_the_middle_of_an_answer_once_more() {
    let mut chat = Chat::with([Script::text("whole")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    let words: Vec<String> = (0..600).map(|number| format!("word{number} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    chat.upstream.push(Script::deltas(&words).slowly(Duration::from_millis(10)));
    let new = regenerate(&mut client, &image, &sent["turnId"]);
    // A second of words: what came a checkpoint ago is safe.
    client.wait_for("a second of words", |event| {
        event["data"]["text"].as_str().is_some_and(|text| text.contains("word100 "))
    });
    chat.server.kill9();
    chat.server.restart();
    let mut client = chat.socket();
    let kept = chat::messages(&mut client, &image);
    assert_eq!((kept.len(), &kept[1]["status"], &kept[1]["turnId"]), (2, &json!("interrupted"), &new["turnId"]));
    assert!(said(&kept[1]).starts_with("word0 "), "{kept:?}");
    assert_eq!(versions(&mut client, &image), json!([sent["turnId"], new["turnId"]]));
    assert_eq!(chat::subscribe(&mut client, &image, Some(3))["resync"], true);

    select(&mut client, &image, &sent["turnId"]);
    let event = client.wait_for("the old branch", |event| event["type"] == "branch_selected");
    assert_eq!(texts(&mut client, &image), ["q1", "whole"]);
    chat.upstream.push(Script::text("on we go"));
    let events = chat::chat(&mut client, &image, "q2");
    assert_eq!(events[0]["seq"].as_u64(), event["seq"].as_u64().map(|seq| seq + 1), "no number is used twice");
    assert_eq!(texts(&mut client, &image), ["q1", "whole", "q2", "on we go"]);
}

#[test]
fn a_choice_is_seen_in_other_tabs_and_after_a_restart() {
    let mut chat = Chat::with([Script::text("one"), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    regenerate(&mut client, &image, &sent["turnId"]);
    let end = client.events_until("conversation_end").pop().unwrap()["seq"].as_u64().unwrap();
    let mut other = chat.socket();
    chat::subscribe(&mut other, &image, None);
    select(&mut client, &image, &sent["turnId"]);
    let event = other.wait_for("the choice", |event| event["type"] == "branch_selected");
    assert_eq!(event["seq"].as_u64(), Some(end + 1));
    select(&mut other, &image, &sent["turnId"]);
    let _ = chat.server.terminate();
    chat.server.restart();
    let mut client = chat.socket();
    assert_eq!(texts(&mut client, &image), ["q1", "one"]);
    let answer = chat::subscribe(&mut client, &image, Some(end + 1));
    assert_eq!((answer["latestSeq"].as_u64(), &answer["resync"]), (Some(end + 1), &Value::Null), "nothing was missed");
}

#[test]
fn every_version_is_found_a_repeated_question_once_and_a_hit_can_be_shown() {
    let chat = Chat::with([Script::text("The tortoise."), Script::text("The hare."), Script::text("The elephant.")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "Which animal wins?");
    client.events_until("conversation_end");
    regenerate(&mut client, &image, &sent["turnId"]);
    client.events_until("conversation_end");
    edit(&mut client, &image, &sent["messageId"], "Which animal is heavy?");
    client.events_until("conversation_end");
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut hits = |query: &str, count: usize| -> Vec<Value> {
        loop {
            let answer = client.request("search_request", json!({"query": query}));
            let found = answer["data"]["hits"].as_array().cloned().unwrap_or_default();
            if answer["data"]["indexing"].is_null() && found.len() == count {
                return found;
            }
            assert!(Instant::now() < deadline, "{query}: {answer}");
            std::thread::sleep(Duration::from_millis(300)); // a person may search 240 times a minute
        }
    };
    hits("elephant", 1);
    hits("animal", 2);
    let hidden = hits("tortoise", 1).remove(0);
    select(&mut client, &image, &hidden["turnId"]);
    let shown = chat::messages(&mut client, &image);
    assert_eq!(shown[1]["messageId"], hidden["messageId"]);
}

#[test]
fn versions_are_exported_checked_counted_and_deleted_with_their_conversation() {
    let chat = Chat::with([Script::text("one"), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    let new = regenerate(&mut client, &image, &sent["turnId"]);
    client.events_until("conversation_end");
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("alice.tar.gz");
    let run = chat.server.run(&["user", "export", "alice", "--out", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let unpacked = std::process::Command::new("tar")
        .args(["-xzOf", file.to_str().unwrap(), "--wildcards", "conversations/*"])
        .output()
        .unwrap();
    let exported: Value = serde_json::from_slice(&unpacked.stdout).unwrap();
    assert_eq!(
        exported["turns"],
        json!([
            {"turnId": sent["turnId"], "parentTurnId": null, "isShown": false},
            {"turnId": new["turnId"], "parentTurnId": null, "isShown": true},
        ])
    );
    assert_eq!(exported["messages"].as_array().unwrap().len(), 4);
    let check = chat.server.run(&["db", "check"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    client.ask("image_delete_request", json!({"imageId": image.id}));
    let database = chat.server.data_dir().join("data/agentx.db");
    assert_eq!(sqlite3(&database, "SELECT (SELECT count(*) FROM turns) + (SELECT count(*) FROM messages)"), "0");
}
