//! What becomes of a stored conversation on its way to the provider.

use super::*;
use crate::domain::id::{MessageId, SessionId};

fn message(role: MessageRole, parts: Vec<Part>) -> Message {
    Message {
        id: MessageId::random(),
        session_id: SessionId::from("sess_1".to_owned()),
        turn_id: None,
        role,
        parts,
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: 0,
    }
}

fn user(text: &str) -> Message {
    message(MessageRole::User, vec![Part::Text(text.to_owned())])
}

fn assistant(parts: Vec<Part>) -> Message {
    message(MessageRole::Assistant, parts)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(id: &str, input: &str) -> Part {
    Part::ToolCall { id: id.to_owned(), name: "look".to_owned(), input: input.to_owned() }
}

fn result(id: &str, output: &str) -> Message {
    let (id, name, output) = (id.to_owned(), "look".to_owned(), output.to_owned());
    message(MessageRole::Tool, vec![Part::ToolResult { id, name, output, is_error: false }])
}

fn thought(signature: Option<&str>) -> Part {
    Part::Thinking { text: "hm".to_owned(), signature: signature.map(str::to_owned) }
}

fn check(messages: &[Message], expected: &str) {
    let expected: serde_json::Value = serde_json::from_str(expected).expect("the expectation is JSON");
    assert_eq!(serde_json::to_value(turns(messages)).expect("JSON"), expected);
}

#[test]
fn turns_alternate_and_blanks_are_dropped() {
    check(&[], "[]");
    check(&[user("  \n")], "[]");
    check(
        &[user("a"), message(MessageRole::Error, vec![text("boom")]), user("b"), assistant(vec![text("c"), text(" ")])],
        r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
            {"role":"assistant","content":[{"type":"text","text":"c"}]}]"#,
    );
    let mut old = assistant(vec![text("old")]);
    old.status = MessageStatus::Superseded;
    check(&[user("a"), old], r#"[{"role":"user","content":[{"type":"text","text":"a"}]}]"#);
}

#[test]
fn the_user_always_begins() {
    let turns = turns(std::slice::from_ref(Box::leak(Box::new(assistant(vec![text("hi")])))));
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[0].role, Role::User);
}

#[test]
fn results_follow_their_calls() {
    check(
        &[
            user("q"),
            assistant(vec![text("let me see"), call("1", r#"{"a": 1}"#), call("2", "nonsense")]),
            result("2", ""),
            result("1", "one"),
            result("9", "nobody asked"),
            assistant(vec![text("done")]),
        ],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"text","text":"let me see"},
              {"type":"tool_use","id":"1","name":"look","input":{"a":1}},
              {"type":"tool_use","id":"2","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"one"},
              {"type":"tool_result","tool_use_id":"2","content":"(no output)"}]},
            {"role":"assistant","content":[{"type":"text","text":"done"}]}]"#,
    );
}

#[test]
fn a_call_that_was_interrupted_gets_a_result_and_a_repeated_one_is_left_out() {
    check(
        &[user("q"), assistant(vec![call("1", "{}")]), user("and?"), assistant(vec![call("1", "{}")])],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","is_error":true,
              "content":"This tool call was interrupted: there is no result."},{"type":"text","text":"and?"}]}]"#,
    );
}

#[test]
fn the_order_of_1_9_is_mended() {
    // 1.9 stored the call before the text of the same answer.
    check(
        &[user("q"), assistant(vec![call("1", "{}")]), assistant(vec![text("t")]), result("1", "r")],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}},
              {"type":"text","text":"t"}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"}]}]"#,
    );
}

#[test]
fn thinking_goes_back_verbatim_or_not_at_all() {
    let redacted = Part::RedactedThinking { data: "xyz".to_owned() };
    check(
        &[
            user("q"),
            assistant(vec![thought(Some("sig+/=")), redacted, call("1", "{}")]),
            result("1", "r"),
            assistant(vec![thought(None)]),
            user("again"),
            assistant(vec![thought(Some("s2"))]),
            user("and again"),
        ],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig+/="},
              {"type":"redacted_thinking","data":"xyz"},{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"},
              {"type":"text","text":"again"},{"type":"text","text":"and again"}]}]"#,
    );
}

#[test]
fn pictures_and_files() {
    let image = |media_type: &str, data: &str| Part::Image {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
        name: None,
    };
    let file = |media_type: &str, data: &str| Part::File {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
        filename: Some("f".to_owned()),
    };
    check(
        &[message(
            MessageRole::User,
            vec![
                image("image/png", "data:image/png;base64,AAAA"),
                image("image/tiff", "AAAA"),
                file("application/pdf", "BBBB"),
                file("text/plain; charset=utf-8", "5L2g5aW9"),
                file("application/zip", "AAAA"),
            ],
        )],
        r#"[{"role":"user","content":[
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
            {"type":"text","text":"[Attachment without a name (image/tiff): it cannot be shown to the model]"},
            {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"},"title":"f"},
            {"type":"document","source":{"type":"text","media_type":"text/plain","data":"你好"},"title":"f"},
            {"type":"text","text":"[Attachment f (application/zip): it cannot be shown to the model]"}]}]"#,
    );
}
