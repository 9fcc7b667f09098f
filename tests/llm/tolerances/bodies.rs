//! One piece of JSON where a stream was asked for.

use portagent::domain::StopReason;

use super::check;
use crate::support::upstream::Script;
use crate::support::wires::Wire::{self, Anthropic, Chat, Ollama, Responses};

const CALLS: &[&str] = &["text All at once.", "call current_time {\"zone\":\"UTC\"}"];

const ROWS: &[(Wire, &str)] = &[
    (
        Anthropic,
        r#"{"type":"message","model":"m","content":[{"type":"text","text":"All at once."},
        {"type":"tool_use","id":"toolu_1","name":"current_time","input":{"zone":"UTC"}}],
        "stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#,
    ),
    (
        Chat,
        r#"{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"All at once.","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"current_time","arguments":"{\"zone\":\"UTC\"}"}}]},
        "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
    ),
    (
        Responses,
        r#"{"object":"response","model":"m","status":"completed","error":null,"output":[
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"All at once."}]},
        {"type":"function_call","call_id":"c1","name":"current_time","arguments":"{\"zone\":\"UTC\"}"}],
        "usage":{"input_tokens":3,"output_tokens":4}}"#,
    ),
    (
        Ollama,
        r#"{"model":"m","message":{"role":"assistant","content":"All at once.","tool_calls":[
        {"function":{"name":"current_time","arguments":{"zone":"UTC"}}}]},
        "done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}"#,
    ),
];

fn pretty(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

#[test]
fn is_an_answer() {
    for (wire, body) in ROWS {
        let one_line = body.replace('\n', " ");
        for (what, body) in [
            ("one line", one_line.clone()),
            ("several lines", pretty(body)),
            ("behind blank lines that keep the connection alive", format!("\n\n\n \r\n{one_line}\n")),
            ("behind a byte order mark", format!("\u{feff}{one_line}")),
        ] {
            for kind in ["application/json", "text/event-stream"] {
                let script = Script::raw(kind, body.as_bytes());
                let answer = check(*wire, what, script, CALLS, StopReason::ToolUse);
                assert_eq!((answer.usage.input, answer.usage.output), (3, 4), "{what} on {wire:?}");
            }
        }
    }
}
