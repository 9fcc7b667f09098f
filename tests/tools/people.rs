//! Tool servers with a process for each person: how many there are, and PromptX, which is one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::consent::{answer, asked, result};
use super::{all_gone, call, chat, declared, processes, tested};
use crate::support::chat::{self, Chat, of_type};
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

/// What the manual says.
const PROCESSES: usize = 16;

#[test]
fn of_the_people_who_use_it_the_newest_sixteen_have_a_process() {
    let mut fake = declared("legacy", "49001");
    fake["scope"] = json!("user");
    let chat = chat(json!({"fake": fake}), []);
    tested(&chat, "fake");
    let tokens: Vec<String> = (0..=PROCESSES).map(|at| chat::register(&chat.server, &format!("person{at}"))).collect();
    let home_of = |token: &String| {
        chat.upstream.push(call("t1", "fake__env", &json!({})));
        chat.upstream.push(Script::text("Done."));
        let mut client = Client::connect(chat.server.port(), token);
        let image = chat::create(&mut client);
        chat::subscribe(&mut client, &image, None);
        let events = chat::chat(&mut client, &image, "go");
        let result = &of_type(&events, "tool_result")[0]["data"];
        assert_eq!(result["isError"], false, "{result}");
        let environment = chat::text_of(&result["result"]);
        environment.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap().to_owned()
    };
    let homes: Vec<String> = tokens.iter().map(home_of).collect();
    eventually("a host and a server for each of sixteen", || processes("49001").len() == 2 * PROCESSES);
    let runs = |home: &String| {
        let environment = |pid: &u32| fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let own = format!("HOME={home}");
        processes("49001").iter().any(|pid| environment(pid).split(|byte| *byte == 0).any(|one| one == own.as_bytes()))
    };
    assert!(!runs(&homes[0]), "the one that was not used for longest gave way");
    assert!(homes[1..].iter().all(runs));
    assert_eq!(home_of(&tokens[0]), homes[0], "it comes back");
    eventually("the next one gave way", || processes("49001").len() == 2 * PROCESSES && !runs(&homes[1]));
}

/// A server with a command `promptx` of its own in its path.
fn with_promptx(marker: &str, setting: Option<&str>) -> Chat {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("bin/promptx");
    fs::create_dir(home.path().join("bin")).unwrap();
    let test = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = mcp-server ] || exit 64\nexport FAKE_MCP=promptx MARKER={marker}\n\
         exec {} --exact tools::server::as_a_process --nocapture --test-threads=1 {marker}\n",
        test.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", home.path().join("bin").display(), std::env::var("PATH").unwrap());
    let builder = Server::builder().env("PATH", &path);
    let builder = setting.map_or(builder.clone(), |setting| builder.env("ENABLE_PROMPTX", setting));
    Chat::over(builder, home, Upstream::start())
}

fn servers(chat: &Chat) -> Vec<Value> {
    chat.server.http().get("/api/admin/mcp", Some(&chat.token)).json()["servers"].as_array().unwrap().clone()
}

/// One call of a tool of PromptX, which its person allows.
fn promptx(chat: &Chat, token: &str, tool: &str, input: &Value) -> String {
    chat.upstream.push(call("t1", &format!("promptx__{tool}"), input));
    chat.upstream.push(Script::text("Done."));
    let mut client = Client::connect(chat.server.port(), token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    let question = asked(&mut client, &image);
    assert_eq!(question["server"], "promptx");
    answer(&mut client, &question, "once");
    let (text, is_error) = result(&mut client);
    assert!(!is_error, "{text}");
    text
}

#[test]
fn promptx_is_a_server_of_each_person() {
    let mut chat = with_promptx("49002", None);
    let declared = &servers(&chat)[0];
    assert_eq!((&declared["name"], &declared["readOnly"]), (&json!("promptx"), &json!(true)));
    assert_eq!(declared["declaration"]["scope"], "user");
    tested(&chat, "promptx");
    let bob = chat::register(&chat.server, "bob");
    let alice = chat.token.clone();
    assert_eq!(promptx(&chat, &alice, "remember", &json!({"text": "my cat is called Tom"})), "remembered");
    assert_eq!(promptx(&chat, &bob, "recall", &json!({})), "");
    assert_eq!(promptx(&chat, &alice, "recall", &json!({})), "my cat is called Tom");
    let names: Vec<String> = chat.upstream.requests().last().unwrap().body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tool| tool["name"].as_str()?.strip_prefix("promptx__").map(str::to_owned))
        .collect();
    assert_eq!(names, ["action", "discover", "learn", "project", "recall", "remember", "toolx"]);
    chat.server.restart();
    tested(&chat, "promptx");
    assert_eq!(promptx(&chat, &alice, "recall", &json!({})), "my cat is called Tom", "its memory is in the home");
    chat.server.terminate();
    all_gone("49002", std::time::Duration::from_secs(2));
}

#[test]
fn promptx_can_be_turned_off_and_on() {
    let names = |chat: &Chat| servers(chat).iter().map(|one| chat::text_of(&one["name"])).collect::<Vec<_>>();
    assert!(names(&with_promptx("49003", Some("false"))).is_empty());
    assert_eq!(names(&with_promptx("49004", Some("true"))), ["promptx"]);
    let chat = Chat::built(Server::builder().env("ENABLE_PROMPTX", "true"), []);
    assert_eq!(servers(&chat)[0]["declaration"]["args"], json!(["-y", "@promptx/mcp-server"]), "without a command");
    assert!(names(&Chat::with([])).is_empty(), "neither a setting nor a command");
}
