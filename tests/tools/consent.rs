//! Nothing is called on behalf of a person that they did not allow.

use serde_json::{Value, json};

use super::{call, chat, declared};
use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// A server whose tools have to be allowed. What it says about its tools ("read only") changes nothing.
fn asking(marker: &str, scripts: impl IntoIterator<Item = Script>) -> Chat {
    let mut fake = declared("legacy", marker);
    fake["approval"] = json!("ask");
    fake["toolApproval"] = json!({"structured": "auto"});
    chat(json!({"fake": fake}), scripts)
}

fn echo(id: &str) -> Script {
    call(id, "fake__echo", &json!({"text": id}))
}

/// Sends a message and waits for the question.
pub(super) fn asked(client: &mut Client, image: &Image) -> Value {
    chat::send(client, image, "go");
    client.wait_for("a question", |event| event["type"] == "tool_approval_request")["data"].clone()
}

pub(super) fn answer(client: &mut Client, question: &Value, decision: &str) -> Value {
    client.ask("tool_approval_answer_request", json!({"approvalId": question["approvalId"], "decision": decision}))
}

pub(super) fn result(client: &mut Client) -> (String, bool) {
    let events = client.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");
    let result = &of_type(&events, "tool_result")[0]["data"];
    (chat::text_of(&result["result"]), result["isError"].as_bool().unwrap())
}

#[test]
fn a_call_waits_for_its_person() {
    let chat = asking("42001", [echo("toolu_1"), Script::text("Done.")]);
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    assert_eq!((&question["toolCallId"], &question["toolName"]), (&json!("toolu_1"), &json!("fake__echo")));
    assert_eq!((&question["server"], &question["input"]), (&json!("fake"), &json!({"text": "toolu_1"})));
    assert!(question["expiresAt"].as_i64().unwrap() > 0);

    // Another tab, or this one after a reload, finds it.
    let mut other = chat.socket();
    assert_eq!(chat::page(&mut other, &image)["approvals"], json!([question]));

    // Another person does not, and cannot answer it.
    let mut stranger = Client::connect(chat.server.port(), &chat::register(&chat.server, "mallory"));
    let wanted = json!({"approvalId": question["approvalId"], "decision": "always"});
    assert_eq!(stranger.ask_for_trouble("tool_approval_answer_request", wanted), "not_found");
    let nonsense = json!({"approvalId": question["approvalId"], "decision": "yes"});
    assert_eq!(other.ask_for_trouble("tool_approval_answer_request", nonsense), "invalid_data");

    answer(&mut other, &question, "once");
    let wanted = json!({"approvalId": question["approvalId"], "decision": "deny"});
    assert_eq!(other.ask_for_trouble("tool_approval_answer_request", wanted), "not_found");
    let told = client.wait_for("the answer", |event| event["type"] == "tool_approval_answered");
    assert_eq!((&told["data"]["approvalId"], &told["data"]["decision"]), (&question["approvalId"], &json!("once")));
    assert_eq!(result(&mut client), ("echo: toolu_1".to_owned(), false));
    assert_eq!(chat::page(&mut other, &image)["approvals"], json!([]));
}

#[test]
fn once_is_once_and_a_conversation_is_one() {
    let scripts = ["t1", "t2", "t3"].map(|id| [echo(id), Script::text("Done.")]);
    let chat = asking("42002", scripts.into_iter().flatten());
    let (mut client, image) = chat.conversation();
    for decision in ["once", "conversation"] {
        let question = asked(&mut client, &image);
        answer(&mut client, &question, decision);
        assert!(!result(&mut client).1);
    }
    let events = chat::chat(&mut client, &image, "again");
    assert_eq!(of_type(&events, "tool_approval_request").len(), 0, "it was allowed in this conversation");
    chat.upstream.push(echo("t4"));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    answer(&mut client, &question, "deny");
    assert_eq!(result(&mut client), ("The person declined this call".to_owned(), true));
}

#[test]
fn always_lasts_until_it_is_taken_back() {
    let mut chat = asking("42003", [echo("t1"), Script::text("Done.")]);
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    answer(&mut client, &question, "always");
    result(&mut client);
    chat.server.restart();
    chat.upstream.push(echo("t2"));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "again");
    assert_eq!(of_type(&events, "tool_approval_request").len(), 0);
    assert_eq!(of_type(&events, "tool_result")[0]["data"]["result"], "echo: t2");

    let http = chat.server.http();
    assert_eq!(http.get("/api/tools", Some(&chat.token)).json()["allowed"], json!(["fake__echo"]));
    let authorization = format!("Authorization: Bearer {}\r\n", chat.token);
    let forbid = || http.request("DELETE", "/api/tools/allowed?tool=fake__echo", &authorization, b"").status;
    assert_eq!((forbid(), forbid()), (200, 404));
    chat.upstream.push(echo("t3"));
    asked(&mut client, &image);
    chat::interrupt(&mut client, &image);
    assert_eq!(client.events_until("conversation_end").last().unwrap()["data"]["reason"], "interrupted");
    assert_eq!(chat::page(&mut client, &image)["approvals"], json!([]), "a stop takes the question back");
}

#[test]
fn a_restart_interrupts_a_turn_that_waits() {
    let mut chat = asking("42004", [echo("t1")]);
    let (mut client, image) = chat.conversation();
    asked(&mut client, &image);
    chat.server.kill9();
    chat.server.restart();
    let mut client = chat.socket();
    let page = chat::page(&mut client, &image);
    assert_eq!((&page["approvals"], &page["running"]), (&json!([]), &Value::Null));
}

#[test]
fn an_administrator_can_allow_a_single_tool() {
    let chat = asking("42005", [call("t1", "fake__structured", &json!({})), Script::text("Done.")]);
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    assert_eq!(of_type(&events, "tool_approval_request").len(), 0);
    assert_eq!(of_type(&events, "tool_result")[0]["data"]["result"], r#"{"a":1}"#);
}
