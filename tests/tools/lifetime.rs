//! Processes of tool servers: started late, ended early, and never left behind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{all_gone, call, chat, declared, processes};
use crate::support::chat::{self, of_type};
use crate::support::eventually;
use crate::support::upstream::Script;
use crate::support::ws::Client;

#[test]
fn a_stop_ends_what_the_tool_does_within_a_second() {
    let chat = chat(json!({"fake": declared("legacy,deaf", "44001")}), [call("t1", "fake__hang", &json!({}))]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "go");
    client.wait_for("the call", |event| event["type"] == "assistant_message");
    eventually("the process runs", || !processes("44001").is_empty());
    let began = Instant::now();
    chat::interrupt(&mut client, &image);
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "interrupted");
    all_gone("44001", Duration::from_secs(1).saturating_sub(began.elapsed()));
}

#[test]
fn a_killed_server_leaves_no_child() {
    let scripts = [call("t1", "fake__spawn", &json!({})), Script::text("Done.")];
    let mut chat = chat(json!({"fake": declared("legacy,deaf", "44002")}), scripts);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go");
    assert!(processes("44002").len() >= 4, "{:?}", processes("44002"));
    chat.server.kill9();
    all_gone("44002", Duration::from_secs(2));
}

#[test]
fn a_server_that_is_not_used_is_closed_and_comes_back() {
    let mut fake = declared("legacy", "44003");
    fake["idleSeconds"] = json!(1);
    let chat = chat(json!({"fake": fake}), []);
    for id in ["t1", "t2"] {
        chat.upstream.push(call(id, "fake__echo", &json!({"text": id})));
        chat.upstream.push(Script::text("Done."));
        let (mut client, image) = chat.conversation();
        let events = chat::chat(&mut client, &image, "go");
        assert_eq!(of_type(&events, "tool_result")[0]["data"]["result"], format!("echo: {id}"));
        all_gone("44003", Duration::from_secs(15));
    }
}

#[test]
fn the_first_turn_does_not_wait_for_a_slow_server() {
    let gates = tempfile::tempdir().unwrap();
    let gate = gates.path().join("open");
    let mut slow = declared("legacy", "44004");
    slow["env"]["GATE"] = json!(gate);
    let chat = chat(json!({"slow": slow}), [Script::text("One."), Script::text("Two.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go"); // which ends, although the server never started
    let state = || {
        let list = chat.server.http().get("/api/admin/mcp", Some(&chat.token)).json();
        list["servers"][0]["state"].as_str().unwrap().to_owned()
    };
    assert!(["starting", "slow"].contains(&&*state()), "{}", state());
    eventually("it is slow", || state() == "slow");
    std::fs::write(&gate, "").unwrap();
    eventually("it is ready", || state() == "ready");
    let events = chat::chat(&mut client, &image, "go on");
    let change = &of_type(&events, "tools_changed")[0]["data"];
    assert!(change["added"].to_string().contains("slow__echo"), "{change}");
    let requests = chat.upstream.requests();
    let names = |at: usize| -> Vec<Value> {
        requests[at].body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect()
    };
    assert!(!names(0).contains(&json!("slow__echo")) && names(1).contains(&json!("slow__echo")));
    assert_eq!(names(1)[..names(0).len()], names(0), "what was there keeps its place");
}

#[test]
fn children_know_no_secret_of_ours() {
    let scripts = [call("t1", "fake__env", &json!({})), Script::text("Done.")];
    let chat = chat(json!({"fake": declared("legacy", "44005")}), scripts);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let environment = chat::text_of(&of_type(&events, "tool_result")[0]["data"]["result"]);
    for secret in ["key-of-the-test", "LLM_PROVIDER", "AGENTX_DIR", "JWT"] {
        assert!(!environment.contains(secret), "{environment}");
    }
    let home = chat.server.data_dir().join("mcp/fake");
    assert!(environment.contains(&format!("HOME={}\n", home.display())), "{environment}");
}

#[test]
fn a_server_of_scope_user_has_a_process_for_each_person() {
    let mut fake = declared("legacy", "44006");
    fake["scope"] = json!("user");
    let chat = chat(json!({"fake": fake}), []);
    let mut homes = Vec::new();
    for token in [chat.token.clone(), chat::register(&chat.server, "bob")] {
        chat.upstream.push(call("t1", "fake__env", &json!({})));
        chat.upstream.push(Script::text("Done."));
        let mut client = Client::connect(chat.server.port(), &token);
        let image = chat::create(&mut client);
        chat::subscribe(&mut client, &image, None);
        let events = chat::chat(&mut client, &image, "go");
        let environment = chat::text_of(&of_type(&events, "tool_result")[0]["data"]["result"]);
        let home = environment.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap().to_owned();
        assert!(home.contains("/containers/user-") && home.ends_with("/mcp/fake"), "{home}");
        homes.push(home);
    }
    assert_ne!(homes[0], homes[1]);
    assert_eq!(processes("44006").len(), 4, "two hosts and two servers");
}
