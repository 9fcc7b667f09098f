//! What becomes of a stream of events: deltas, and the answer.

use super::*;

/// Feeds events; gives what was told, one line each, and what came out of the last one.
fn feed(events: &[&str]) -> (Vec<String>, Assembler, Result<Progress, Trouble>) {
    let mut told = Vec::new();
    let mut assembler = Assembler::new("asked");
    let mut last = Ok(Progress::More);
    for event in events {
        last = assembler.event(event, &mut |delta, _| told.push(format!("{delta:?}")));
        if !matches!(last, Ok(Progress::More)) {
            break;
        }
    }
    (told, assembler, last)
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
    let (told, assembler, last) = feed(&[
        START,
        TEXT,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He\nllo"}}"#,
        r#"{"type":"something_new","index":{"odd":true},"delta":7}"#,
    ]);
    assert!(matches!(last, Ok(Progress::More)));
    assert_eq!(told, ["Start", r#"Text("He\nllo")"#]);
    assert_eq!(assembler.so_far().parts, [Part::Text("He\nllo".to_owned())]);
}

#[test]
fn usage_is_cumulative_and_the_end_is_known() {
    let (_, assembler, last) = feed(&[START, TEXT, STOP0, &ended("end_turn", 5), &ended("", 9), STOP]);
    assert!(matches!(last, Ok(Progress::Done)));
    let answer = assembler.into_answer();
    assert_eq!(answer.model, "claude-x");
    assert_eq!(answer.stop_reason, Some(StopReason::EndTurn));
    assert_eq!(answer.usage, Usage { input: 10, cache_creation: 0, cache_read: 3, output: 9 });
    assert!(answer.parts.is_empty(), "a block without text is no part");
}

#[test]
fn nothing_has_begun_before_the_first_block() {
    let (told, assembler, _) = feed(&[START, r#"{"type":"ping"}"#]);
    assert!(told.is_empty());
    assert!(!assembler.began());
}

#[test]
fn thinking_keeps_its_signature_and_tools_their_input() {
    let (told, assembler, last) = feed(&[
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
    assert!(matches!(last, Ok(Progress::Done)));
    let call = |id: &str, name: &str, input: &str| Part::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
    };
    assert_eq!(
        assembler.so_far().parts,
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
    let (_, assembler, last) = feed(&[START, tool, piece, STOP0, &ended("max_tokens", 1), STOP]);
    assert!(matches!(last, Ok(Progress::Done)));
    assert!(assembler.so_far().parts.is_empty());
    let (_, _, last) = feed(&[START, tool, piece, STOP0, &ended("tool_use", 1), STOP]);
    assert!(matches!(last, Err(Trouble::Nonsense(_))));
}

#[test]
fn errors_and_nonsense() {
    let (_, _, last) = feed(&[START, r#"{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}"#]);
    assert!(matches!(last, Err(Trouble::Said { kind, message }) if kind == "overloaded_error" && message == "Busy"));
    for event in ["{", "[]", r#"{"type":"content_block_delta","delta":7}"#] {
        assert!(matches!(feed(&[event]).2, Err(Trouble::Nonsense(_))), "{event}");
    }
}

#[test]
fn an_answer_has_a_limit() {
    let piece = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{}"}}}}"#,
        "x".repeat(ANSWER_BYTES / 4)
    );
    let (_, assembler, last) = feed(&[START, TEXT, &piece, &piece, &piece, &piece, &piece]);
    assert!(matches!(last, Ok(Progress::Done)));
    assert_eq!(assembler.so_far().stop_reason, Some(StopReason::Limit));
}
