//! Ollama's own API: an object a line.

use portagent::domain::StopReason;
use portagent::domain::message::{MessageRole, Part, Usage};
use portagent::llm::{Cancel, Kind, Prompt, Provider};
use serde_json::json;

use super::{ask, ask_with, current_time, message, provider_of, user};
use crate::support::upstream::{Script, Upstream};

fn provider(upstream: &Upstream) -> Provider {
    provider_of(upstream, Kind::Ollama)
}

fn lines(lines: &[&str]) -> Script {
    Script::raw("application/x-ndjson", format!("{}\n", lines.join("\n")).as_bytes())
}

const DONE: &str = r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":4}"#;

#[test]
fn an_answer_comes_line_by_line() {
    let script = lines(&[
        r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"model":"m","message":{"role":"assistant","content":"Hel"},"done":false}"#,
        r#"{"model":"m","message":{"role":"assistant","content":"lo 世"},"done":false}"#,
        DONE,
    ]);
    let upstream = Upstream::with([script.in_pieces_of(7)]);
    let (told, outcome) = ask(&provider(&upstream), &[user("hi")]);
    assert_eq!(told, ["start", "thinking hm", "text Hel", "text lo 世"]);
    let answer = outcome.expect("an answer");
    assert_eq!(answer.stop_reason, Some(StopReason::EndTurn));
    assert_eq!(answer.usage, Usage { input: 9, output: 4, ..Usage::default() });
    let request = &upstream.requests()[0];
    assert_eq!(request.path, "/api/chat");
    assert_eq!(request.body["truncate"], false, "a prompt that does not fit is an error, not a bad answer");
    assert_eq!(request.body["options"], json!({"num_ctx": 8192, "num_predict": 100}));
}

#[test]
fn a_tool_makes_a_round() {
    let call = r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"current_time","arguments":{"zone":"UTC"}}}]},"done":false}"#;
    let upstream = Upstream::with([lines(&[call, DONE]), lines(&[DONE])]);
    let provider = provider(&upstream);
    let mut messages = vec![user("what time is it?")];
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));
    let [Part::ToolCall { id, name, input }] = answer.parts.as_slice() else { panic!("{:?}", answer.parts) };
    assert_eq!((name.as_str(), input.as_str()), ("current_time", r#"{"zone":"UTC"}"#));
    let result = Part::ToolResult { id: id.clone(), name: name.clone(), output: "noon".to_owned(), is_error: false };
    messages.push(message(MessageRole::Assistant, answer.parts.clone()));
    messages.push(message(MessageRole::Tool, vec![result]));
    ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    let sent = &upstream.requests()[1].body["messages"];
    let calls = json!([{"function": {"name": "current_time", "arguments": {"zone": "UTC"}}}]);
    assert_eq!(sent[2], json!({"role": "assistant", "content": "", "tool_calls": calls}));
    assert_eq!(sent[3], json!({"role": "tool", "tool_name": "current_time", "content": "noon"}));
}

#[test]
fn errors_come_before_and_in_the_middle() {
    let mut refused = Script::raw("application/json", br#"{"error":"model 'x' not found"}"#);
    refused.status = 404;
    let begun = r#"{"message":{"role":"assistant","content":"a"},"done":false}"#;
    for (script, code, words) in [
        (refused, "upstream_not_found", "model 'x' not found"),
        (
            lines(&[begun, r#"{"error":"an error was encountered while running the model"}"#]),
            "upstream_bad_answer",
            "running",
        ),
        (lines(&[begun]), "upstream_broken_stream", ""),
    ] {
        let upstream = Upstream::with([script]);
        let error = ask(&provider(&upstream), &[user("hi")]).1.expect_err("an error").error.expect("an error");
        assert_eq!(error.code.as_str(), code, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn its_server_says_what_a_model_can_do_and_how_much_goes_in() {
    let upstream = Upstream::with([lines(&[DONE]), lines(&[DONE]), lines(&[DONE])]);
    upstream.lists(json!({"models": [{"name": "model-asked"}]}));
    let show = |parameters: &str| {
        json!({"capabilities": ["completion", "tools", "thinking"], "parameters": parameters,
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 10_000}})
    };
    upstream.shows(show(""));
    let provider = provider(&upstream);
    let model = provider.list().expect("a list").models.remove(0);
    assert_eq!((model.tools, model.images, model.thinking), (Some(true), Some(false), Some(true)));
    assert_eq!((model.context_tokens, model.loaded_context), (Some(10_000), None));
    let long = "x".repeat(30_000);
    ask(&provider, &[user(&long)]).1.expect("an answer");
    upstream.shows(show("temperature 0.6\nnum_ctx                        4096"));
    provider.list().expect("a list");
    assert_eq!(provider.context_tokens("model-asked"), Some(4096));
    ask(&provider, &[user(&long)]).1.expect("an answer");
    let sent: Vec<_> = upstream.requests().iter().map(|request| request.body["options"]["num_ctx"].clone()).collect();
    assert_eq!(sent, [10_000, 4096], "never more than the model has, and what its Modelfile says where it does");
}

#[test]
fn effort_is_one_of_three_or_none() {
    for (effort, sent) in
        [("none", json!(false)), ("minimal", json!("low")), ("medium", json!("medium")), ("max", json!("high"))]
    {
        let upstream = Upstream::with([lines(&[DONE])]);
        let messages = [user("hi")];
        let prompt = Prompt {
            model: "m",
            system: None,
            messages: &messages,
            tools: &[],
            max_tokens: None,
            effort: Some(effort),
        };
        provider(&upstream).stream(&prompt, &Cancel::new(), &mut |_, _| {}).expect("an answer");
        assert_eq!(upstream.requests()[0].body["think"], sent);
    }
}

#[test]
fn an_answer_that_is_cut_off_without_a_limit_has_filled_the_context() {
    let cut = DONE.replace("\"stop\"", "\"length\"");
    let upstream = Upstream::with([lines(&[&cut])]);
    let messages = [user("hi")];
    let prompt = Prompt { model: "m", system: None, messages: &messages, tools: &[], max_tokens: None, effort: None };
    let answer = provider(&upstream).stream(&prompt, &Cancel::new(), &mut |_, _| {}).expect("an answer");
    assert_eq!(answer.stop_reason, Some(StopReason::ContextWindow));
}
