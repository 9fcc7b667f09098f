//! What becomes of a stream of events: deltas, and the answer.

use super::*;
use crate::domain::limits::ANSWER_BYTES;
use crate::domain::message::Part;
use crate::llm::{Answer, json};

/// Feeds events; gives what was told, one line each, the answer, and whether it came to its end with whole calls.
fn feed(events: &[&str]) -> (Vec<String>, Answer, Option<bool>) {
    let mut told = Vec::new();
    let mut sink = |delta: crate::llm::Delta<'_>, _: &Answer| told.push(format!("{delta:?}"));
    let mut draft = Draft::new("asked", std::collections::HashSet::new(), &mut sink);
    let mut stream = Stream::new("test/asked");
    let mut end = None;
    for event in events {
        if stream.event(&json::parse(event).expect("JSON"), &mut draft) || draft.is_too_long() {
            end = Some(draft.finish());
            break;
        }
    }
    let answer = draft.into_answer();
    (told, answer, end)
}

const START: &str = r#"{"type":"message_start","message":{"id":"m","model":"claude-x","content":[],
    "usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":null,"output_tokens":1}}}"#;
const TEXT: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const STOP0: &str = r#"{"type":"content_block_stop","index":0}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn ended(reason: &str, output: u64) -> String {
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{"output_tokens":{output}}}}}"#
    )
}

#[test]
fn a_text_comes_piece_by_piece() {
    let (told, answer, last) = feed(&[
        START,
        TEXT,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He\nllo"}}"#,
        r#"{"type":"something_new","index":{"odd":true},"delta":7}"#,
    ]);
    assert_eq!(last, None);
    assert_eq!(told, ["Start", r#"Text("He\nllo")"#]);
    assert_eq!(answer.parts, [Part::Text("He\nllo".to_owned())]);
}

#[test]
fn usage_is_cumulative_and_the_end_is_known() {
    let (_, answer, last) = feed(&[START, TEXT, STOP0, &ended("end_turn", 5), &ended("", 9), STOP]);
    assert!(last.is_some());
    assert_eq!(answer.model, "claude-x");
    assert_eq!(answer.stop_reason, Some(StopReason::EndTurn));
    assert_eq!(answer.usage, Usage { input: 10, cache_creation: 0, cache_read: 3, output: 9 });
    assert!(answer.parts.is_empty(), "a block without text is no part");
}

#[test]
fn nothing_has_begun_before_the_first_block() {
    let (told, _, _) = feed(&[START, r#"{"type":"ping"}"#]);
    assert!(told.is_empty());
}

#[test]
fn thinking_keeps_its_signature_and_tools_their_input() {
    let (told, answer, last) = feed(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s+/="}}"#,
        STOP0,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"zzz"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"look","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\": "}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"rest","input":{}}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        &ended("tool_use", 7),
        STOP,
    ]);
    assert!(last.is_some());
    let call = |id: &str, name: &str, input: &str| Part::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
    };
    assert_eq!(
        answer.parts,
        [
            Part::Thinking { text: "hm".to_owned(), signature: Some("s+/=".to_owned()) },
            Part::RedactedThinking { data: "zzz".to_owned() },
            call("t1", "look", r#"{"a": 1}"#),
            call("t2", "rest", "{}"),
        ]
    );
    assert_eq!(
        told,
        [
            "Start",
            r#"Thinking("hm")"#,
            r#"ToolUseStart { id: "t1", name: "look" }"#,
            r#"ToolInput { id: "t1", partial: "{\"a\": " }"#,
            r#"ToolInput { id: "t1", partial: "1}" }"#,
            r#"ToolUseStop { id: "t1", name: "look", input: "{\"a\": 1}" }"#,
            r#"ToolUseStart { id: "t2", name: "rest" }"#,
            r#"ToolUseStop { id: "t2", name: "rest", input: "{}" }"#,
        ]
    );
}

#[test]
fn a_tool_that_was_cut_off_is_never_run() {
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n"}}"#;
    let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#;
    let (_, answer, last) = feed(&[START, tool, piece, STOP0, &ended("max_tokens", 1), STOP]);
    assert!(last.is_some());
    assert!(answer.parts.is_empty());
    let (_, _, last) = feed(&[START, tool, piece, STOP0, &ended("tool_use", 1), STOP]);
    assert_eq!(last, Some(false));
}

#[test]
fn only_what_is_needed_must_be_there() {
    let (_, answer, last) = feed(&[
        r#"{"type":"message_start","message":{"model":7,"usage":{"input_tokens":"10","output_tokens":-1}}}"#,
        r#"{"type":"content_block_delta","index":"5","delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","delta":7}"#,
        r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"b"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2.0}}"#,
        STOP,
    ]);
    assert_eq!(last, Some(true));
    assert_eq!(answer.parts, [Part::Text("ab".to_owned())]);
    assert_eq!((answer.usage.input, answer.usage.output), (10, 2));
}

#[test]
fn blocks_that_we_do_not_know_are_kept_as_they_came() {
    let (_, answer, _) = feed(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"x","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}"#,
        STOP0,
        STOP,
    ]);
    let data = r#"{"id":"s","input":{"q":1},"name":"x","type":"server_tool_use"}"#.to_owned();
    assert_eq!(answer.parts, [Part::Opaque { origin: "test/asked".to_owned(), data }]);
}

#[test]
fn an_answer_has_a_limit() {
    let piece = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{}"}}}}"#,
        "x".repeat(ANSWER_BYTES / 4)
    );
    let (_, answer, last) = feed(&[START, TEXT, &piece, &piece, &piece, &piece, &piece]);
    assert!(last.is_some());
    assert_eq!(answer.stop_reason, Some(StopReason::Limit));
}
