//! What becomes of a stored conversation on its way to the provider.

use super::*;
use crate::domain::id::{MessageId, SessionId};
use crate::llm::lessons::Lessons;
use crate::llm::{Kind, Prompt, wires};

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

/// As the Messages API gets it, without the breakpoint of its cache.
fn check(messages: &[Message], expected: &str) {
    check_without_thinking(messages, 0, expected);
}

fn check_without_thinking(messages: &[Message], forget_thinking: usize, expected: &str) {
    let lessons = Lessons::default();
    let form = Form {
        origin: "here/m",
        lessons: &lessons,
        forget_thinking,
        thinks: false,
        most_tokens: None,
        effort: None,
        context: (None, None),
    };
    let prompt = Prompt { model: "m", system: None, messages, tools: &[], max_tokens: None, effort: None };
    let mut sent = wires::of(Kind::Anthropic).body(&prompt, &form).map_or_else(
        |_| serde_json::json!([]),
        |body| serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["messages"].take(),
    );
    let last = sent.as_array_mut().and_then(|turns| turns.last_mut()?["content"].as_array_mut()?.last_mut());
    last.and_then(|block| block.as_object_mut()?.remove("cache_control"));
    let expected: serde_json::Value = serde_json::from_str(expected).expect("the expectation is JSON");
    assert_eq!(sent, expected);
}

#[test]
fn turns_alternate_and_blanks_are_dropped() {
    check(&[], "[]");
    check(&[user("  \n")], "[]");
    check(
        &[user("a"), message(MessageRole::Error, vec![text("boom")]), user("b"), assistant(vec![text("c"), text(" ")])],
        r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
            {"role":"assistant","content":[{"type":"text","text":"c"}]},
            {"role":"user","content":[{"type":"text","text":"(Continue where you stopped.)"}]}]"#,
    );
    let mut old = assistant(vec![text("old")]);
    old.status = MessageStatus::Superseded;
    check(&[user("a"), old], r#"[{"role":"user","content":[{"type":"text","text":"a"}]}]"#);
}

#[test]
fn the_user_always_begins() {
    check(
        &[assistant(vec![text("hi")])],
        r#"[{"role":"user","content":[{"type":"text","text":"(The beginning of this conversation is not available.)"}]},
            {"role":"assistant","content":[{"type":"text","text":"hi"}]},
            {"role":"user","content":[{"type":"text","text":"(Continue where you stopped.)"}]}]"#,
    );
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
            {"role":"assistant","content":[{"type":"text","text":"done"}]},
            {"role":"user","content":[{"type":"text","text":"(Continue where you stopped.)"}]}]"#,
    );
}

#[test]
fn a_call_that_was_interrupted_gets_a_result() {
    check(
        &[user("q"), assistant(vec![call("1", "{}")]), user("and?")],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","is_error":true,
              "content":"This tool call was interrupted: there is no result."},{"type":"text","text":"and?"}]}]"#,
    );
}

#[test]
fn ids_that_another_server_minted_become_valid_and_unique_and_stay_paired() {
    let round = |result_text: &str| [assistant(vec![call("call_0", "{}")]), result("call_0", result_text)];
    let mut messages = vec![user("q")];
    messages.extend(round("first"));
    messages.push(assistant(vec![call("call_0", "{}")])); // interrupted
    messages.extend(round("third"));
    messages.push(assistant(vec![call("functions.look:0", "{}"), call("functions.look:0", "{}")]));
    messages.extend([result("functions.look:0", "a"), result("functions.look:0", "b")]);
    check(
        &messages,
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"call_0","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_0","content":"first"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"call_0_1","name":"look","input":{}},
              {"type":"tool_use","id":"call_0_2","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_0_1","is_error":true,
              "content":"This tool call was interrupted: there is no result."},
              {"type":"tool_result","tool_use_id":"call_0_2","content":"third"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"functions_look_0","name":"look","input":{}},
              {"type":"tool_use","id":"functions_look_0_4","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"functions_look_0","content":"a"},
              {"type":"tool_result","tool_use_id":"functions_look_0_4","content":"b"}]}]"#,
    );
}

#[test]
fn what_only_its_provider_can_read_goes_back_to_it_alone() {
    let opaque = |origin: &str| Part::Opaque { origin: origin.to_owned(), data: r#"{"type":"new"}"#.to_owned() };
    check(
        &[user("q"), assistant(vec![opaque("here/m"), opaque("there/m"), text("a")]), user("b")],
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"new"},{"type":"text","text":"a"}]},
            {"role":"user","content":[{"type":"text","text":"b"}]}]"#,
    );
}

#[test]
fn thinking_that_was_refused_is_forgotten() {
    let messages = [user("q"), assistant(vec![thought(Some("s")), text("a")]), user("b")];
    check_without_thinking(
        &messages,
        3,
        r#"[{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":[{"type":"text","text":"a"}]},
            {"role":"user","content":[{"type":"text","text":"b"}]}]"#,
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
