//! Tool servers over HTTP: what they announce is heard, what breaks off goes on, and a lost session begins again.

use serde_json::{Value, json};

use super::web::Web;
use super::{call, chat};
use crate::support::chat::{self, Chat, of_type};
use crate::support::eventually;
use crate::support::upstream::Script;

/// One answer of a tool, in a conversation of its own: text, and whether it is an error.
fn answered(chat: &Chat, tool: &str) -> (String, bool) {
    chat.upstream.push(call("t1", &format!("web__{tool}"), &json!({"text": "x"})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let ends = of_type(&events, "conversation_end");
    assert_eq!((ends.len(), &ends[0]["data"]["reason"]), (1, &json!("completed")));
    let result = &of_type(&events, "tool_result")[0]["data"];
    (chat::text_of(&result["result"]), result["isError"].as_bool().unwrap())
}

/// Whether a conversation that begins now has the tool.
fn is_offered(chat: &Chat, tool: &str) -> bool {
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go");
    let requests = chat.upstream.requests();
    let tools = requests.last().unwrap().body["tools"].as_array().unwrap().clone();
    tools.iter().any(|known| known["name"] == format!("web__{tool}"))
}

fn check_changes(web: &Web, stream: &str) {
    let chat = chat(json!({"web": web.declared()}), []);
    assert!(is_offered(&chat, "echo") && !is_offered(&chat, "later"));
    eventually("it listens", || web.asked(stream) > 0);
    let lists = web.asked("tools/list");
    assert!(!is_offered(&chat, "later"));
    assert_eq!(web.asked("tools/list"), lists, "what is announced is not asked for all the time");
    web.add_tool("later");
    eventually("the new tool is offered", || is_offered(&chat, "later"));
}

#[test]
fn changes_are_heard_in_both_eras() {
    check_changes(&Web::legacy(), "GET");
    check_changes(&Web::modern(), "subscriptions/listen");
}

#[test]
fn an_answer_that_breaks_off_goes_on_without_a_second_call() {
    let web = Web::legacy();
    let chat = chat(json!({"web": web.declared()}), []);
    assert_eq!(answered(&chat, "breaks"), ("the rest".to_owned(), false));
    assert_eq!((web.asked("tools/call"), web.asked("GET e7")), (1, 1));
    // The modern era has no such thing: what was carried out is not known.
    let web = Web::modern();
    let chat = self::chat(json!({"web": web.declared()}), []);
    let (text, is_error) = answered(&chat, "breaks");
    assert!(is_error && text.contains("broke off"), "{text}");
    assert_eq!(web.asked("tools/call"), 1);
}

#[test]
fn a_lost_session_begins_again_once() {
    let web = Web::legacy();
    let chat = chat(json!({"web": web.declared()}), []);
    assert_eq!(answered(&chat, "echo").0, "echo: x");
    web.forget();
    assert_eq!(answered(&chat, "echo"), ("echo: x".to_owned(), false));
    assert_eq!(web.asked("initialize"), 2);
    assert_eq!(web.asked("tools/call"), 3, "one of them was refused, and nothing carried out twice");
}

#[test]
fn a_call_that_is_never_answered_ends_in_time() {
    let web = Web::legacy();
    let mut declared = web.declared();
    declared["timeoutSeconds"] = json!(1);
    let chat = chat(json!({"web": declared}), []);
    let (text, is_error) = answered(&chat, "mute");
    assert!(is_error && text.contains("did not answer in time"), "{text}");
    assert_eq!(answered(&chat, "echo").0, "echo: x");
    let state: Value = chat.server.http().get("/api/admin/mcp", Some(&chat.token)).json();
    assert_eq!(state["servers"][0]["state"], "ready");
}
