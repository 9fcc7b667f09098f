//! Chat completions as the servers of this world speak them: each tolerance is a line here.

use portagent::domain::StopReason;
use portagent::domain::message::{Message, MessageRole, Part, Usage};
use portagent::llm::{Answer, Cancel, Kind, Prompt, Provider};
use serde_json::{Value, json};

use super::{ask, ask_with, current_time, message, provider_of, user};
use crate::support::upstream::{Script, Upstream};

fn provider(upstream: &Upstream) -> Provider {
    provider_of(upstream, Kind::OpenAi)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn thought(text: &str) -> Part {
    Part::Thinking { text: text.to_owned(), signature: None }
}

fn answer(script: Script) -> Answer {
    let upstream = Upstream::with([script]);
    ask_with(&provider(&upstream), &[user("hi")], &[current_time()]).1.expect("an answer")
}

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn chunks(deltas: &[&str], end: &str) -> Script {
    let deltas: Vec<String> =
        deltas.iter().map(|text| delta(&text.replace('\n', " "))).chain([end.to_owned()]).collect();
    Script::chunks(&deltas.iter().map(String::as_str).collect::<Vec<_>>())
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const CALLS: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;

#[test]
fn a_question_as_it_goes_out() {
    let upstream = Upstream::with([chunks(&[r#"{"content":"Hello"}"#], STOP)]);
    let (told, outcome) = ask_with(&provider(&upstream), &[user("hi")], &[current_time()]);
    assert_eq!(told, ["start", "text Hello"]);
    assert_eq!(outcome.expect("an answer").stop_reason, Some(StopReason::EndTurn));
    let request = &upstream.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", super::KEY).as_str()));
    let function = json!({"name": "current_time", "description": "The time of day.",
        "parameters": {"type": "object", "properties": {}}});
    let expected = json!({"model": "model-asked", "stream": true, "stream_options": {"include_usage": true},
        "max_tokens": 100, "tools": [{"type": "function", "function": function}],
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]});
    assert_eq!(request.body, expected);
}

#[test]
fn words_in_all_spellings() {
    let check =
        |deltas: &[&str], expected: &[Part]| assert_eq!(answer(chunks(deltas, STOP)).parts, expected, "{deltas:?}");
    check(&[r#"{"role":"assistant","content":""}"#, r#"{"content":"a"}"#, r#"{"content":null}"#], &[text("a")]);
    check(&[r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#], &[text("ab")]);
    check(
        &[r#"{"content":"<thi"}"#, r#"{"content":"nk>hm</th"}"#, r#"{"content":"ink>\n\nyes"}"#],
        &[thought("hm"), text("yes")],
    );
    check(&[r#"{"content":"😀 \ud83d"}"#, r#"{"content":"\ude00"}"#], &[text("😀 😀")]);
    check(
        &[r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]}"#],
        &[thought("hm"), text("a")],
    );
    for name in ["reasoning", "reasoning_content"] {
        let parts = answer(chunks(&[&format!(r#"{{"{name}":"hm"}}"#), r#"{"content":"a"}"#], STOP)).parts;
        assert_eq!(parts[..2], [thought("hm"), text("a")]);
    }
    let alone = r#"{"choices":[{"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}]}"#;
    assert_eq!(answer(Script::raw("application/json", alone.as_bytes())).parts, [text("whole")]);
}

#[test]
fn streams_in_all_spellings() {
    let body = format!(
        ": OPENROUTER PROCESSING\r\n\r\ndata:{}\r\n\r\ndata: {{\"choices\":[]}}\r\n\r\ndata:{STOP}\r\n\r\n",
        delta(r#"{"content":"a世"}"#)
    );
    let without_done = Script::raw("text/event-stream", body.as_bytes());
    assert_eq!(answer(without_done).parts, [text("a世")]);
    assert_eq!(answer(Script::raw("", body.as_bytes()).in_pieces_of(1)).parts, [text("a世")]);
    let without_reason = answer(Script::chunks(&[&delta(r#"{"content":"a"}"#)]));
    assert_eq!(without_reason.parts, [text("a")]);

    let counted = |usage: &str| format!(r#"{{"choices":[],"usage":{usage}}}"#);
    let numbers = r#"{"prompt_tokens":10,"completion_tokens":5.0,"prompt_tokens_details":{"cached_tokens":4}}"#;
    let early = counted(r#"{"prompt_tokens":1,"completion_tokens":1}"#);
    let content = delta(r#"{"content":"a"}"#);
    let usage = answer(Script::chunks(&[&early, &content, STOP, &counted(numbers)])).usage;
    assert_eq!(usage, Usage { input: 6, cache_read: 4, cache_creation: 0, output: 5 }, "the last one counts");
}

fn calls(answer: &Answer) -> Vec<(&str, &str)> {
    fn call(part: &Part) -> Option<(&str, &str)> {
        if let Part::ToolCall { name, input, .. } = part { Some((name, input)) } else { None }
    }
    answer.parts.iter().filter_map(call).collect()
}

#[test]
fn calls_in_all_spellings() {
    let check = |pieces: &[&str], end: &str, expected: &[(&str, &str)]| {
        let deltas: Vec<String> = pieces.iter().map(|piece| format!(r#"{{"tool_calls":[{piece}]}}"#)).collect();
        let answer = answer(chunks(&deltas.iter().map(String::as_str).collect::<Vec<_>>(), end));
        assert_eq!(calls(&answer), expected, "{pieces:?}");
        assert_eq!(answer.stop_reason, Some(StopReason::ToolUse), "{pieces:?}");
    };
    let one = [("f", r#"{"a":1}"#)];
    let two = [("f", r#"{"a":1}"#), ("g", "{}")];
    // as OpenAI does it
    check(
        &[
            r#"{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"a\""}}"#,
            r#"{"index":0,"function":{"arguments":":1}"}}"#,
            r#"{"index":1,"id":"2","function":{"name":"g","arguments":"{}"}}"#,
        ],
        CALLS,
        &two,
    );
    // no index
    check(
        &[
            r#"{"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
            r#"{"id":"2","function":{"name":"g","arguments":""}}"#,
        ],
        CALLS,
        &two,
    );
    // all of index 0, and the end is just "stop"
    check(
        &[
            r#"{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
            r#"{"index":0,"id":"2","function":{"name":"g","arguments":"{}"}}"#,
        ],
        STOP,
        &two,
    );
    // a new id in each piece
    check(
        &[
            r#"{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\""}}"#,
            r#"{"index":0,"id":"2","function":{"arguments":":1}"}}"#,
        ],
        CALLS,
        &one,
    );
    // the name in each piece
    check(
        &[
            r#"{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\""}}"#,
            r#"{"index":0,"id":"1","function":{"name":"f","arguments":":1}"}}"#,
        ],
        CALLS,
        &one,
    );
    // an object, without an id, and no reason given
    check(
        &[r#"{"function":{"name":"f","arguments":{"a":1}}}"#],
        r#"{"choices":[{"delta":{},"finish_reason":null}]}"#,
        &one,
    );
    check(&[r#"{"index":0,"id":"1","function":{"name":"g"}}"#], r#"{"choices":[]}"#, &[("g", "{}")]);
}

#[test]
fn arguments_that_are_broken_run_no_tool() {
    let piece = r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\":"}}]}"#;
    let upstream = Upstream::with([chunks(&[piece], CALLS)]);
    let failure = ask(&provider(&upstream), &[user("hi")]).1.expect_err("broken");
    assert_eq!(failure.error.expect("an error").code.as_str(), "upstream_bad_answer");
    let cut = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    let answer = answer(chunks(&[piece], cut));
    assert_eq!((calls(&answer).len(), answer.stop_reason), (0, Some(StopReason::MaxTokens)));
}

#[test]
fn unknown_fields_go_back_to_where_they_came_from_and_nowhere_else() {
    let call = r#"{"reasoning_content":"hm","reasoning_details":[{"type":"x","data":"1"}],"tool_calls":[{"index":0,
        "id":"c1","function":{"name":"current_time","arguments":"{}"},
        "extra_content":{"google":{"thought_signature":"sig"}}}]}"#;
    let more = r#"{"reasoning_details":[{"type":"x","data":"2"}]}"#;
    let upstream = Upstream::with([chunks(&[call, more], CALLS), chunks(&[r#"{"content":"noon"}"#], STOP)]);
    let provider = provider(&upstream);
    let mut messages = vec![user("hi")];
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    messages.push(message(MessageRole::Assistant, answer.parts));
    messages.push(result("c1"));
    ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    let sent: Value = upstream.requests()[1].body["messages"].clone();
    let expected = json!({"role": "assistant", "reasoning_content": "hm",
        "reasoning_details": [{"type": "x", "data": "1"}, {"type": "x", "data": "2"}],
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "current_time", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "sig"}}}]});
    assert_eq!(sent[2], expected);
    assert_eq!(sent[3], json!({"role": "tool", "tool_call_id": "c1", "content": "noon"}));

    let elsewhere = Upstream::with([Script::text("noon")]);
    ask_with(&super::provider(&elsewhere), &messages, &[current_time()]).1.expect("an answer");
    let sent = elsewhere.requests()[0].body["messages"].to_string();
    assert!(!sent.contains("reasoning") && !sent.contains("thought_signature") && !sent.contains("hm"), "{sent}");
}

fn result(id: &str) -> Message {
    let (id, name, output) = (id.to_owned(), "current_time".to_owned(), "noon".to_owned());
    message(MessageRole::Tool, vec![Part::ToolResult { id, name, output, is_error: false }])
}

#[test]
fn a_parameter_that_is_refused_is_changed_once_and_for_all() {
    let check = |words: &str, before: &str, after: &str| {
        let refusal = Script::refusal(400, "invalid_request_error", words);
        let upstream =
            Upstream::with([refusal, chunks(&[r#"{"content":"a"}"#], STOP), chunks(&[r#"{"content":"b"}"#], STOP)]);
        let provider = provider(&upstream);
        for _ in 0..2 {
            ask_with(&provider, &[user("hi")], &[current_time()]).1.expect("an answer");
        }
        let has = |index: usize, name: &str| upstream.requests()[index].body.get(name).is_some();
        assert_eq!(upstream.requests().len(), 3, "{words}");
        assert!(has(0, before) && !has(1, before) && !has(2, before), "{words}");
        assert!(after.is_empty() || has(1, after) && has(2, after), "{words}");
    };
    check("Unrecognized request argument supplied: stream_options", "stream_options", "");
    check(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "max_completion_tokens",
    );
    check("this model does not support tools", "tools", "");
}

#[test]
fn never_more_than_one_change_a_question() {
    let upstream = Upstream::start();
    upstream.push(Script::refusal(400, "invalid_request_error", "stream_options is unknown"));
    upstream.push(Script::refusal(400, "invalid_request_error", "tool_choice and cache_control are unknown"));
    let failure = ask(&provider(&upstream), &[user("hi")]).1.expect_err("refused");
    assert_eq!(failure.error.expect("an error").code.as_str(), "upstream_bad_request");
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn errors_in_all_shapes() {
    let check = |script: Script, code: &str, words: &str| {
        let upstream = Upstream::with([script]);
        let failure = ask(&provider(&upstream), &[user("hi")]).1.expect_err("an error");
        let error = failure.error.expect("an error");
        assert_eq!(error.code.as_str(), code, "{error}");
        assert!(error.message.contains(words), "{error}");
    };
    let begun = delta(r#"{"content":"a"}"#);
    check(
        Script::chunks(&[&begun, r#"{"error":{"message":"too much","code":400}}"#]),
        "upstream_bad_answer",
        "too much",
    );
    check(Script::chunks(&[r#"{"error":{"message":"no","code":"1301"}}"#]), "upstream_content_policy", "no");
    check(
        Script::raw("application/json", br#"{"error":{"code":1261,"message":"long"}}"#),
        "upstream_too_large",
        "long",
    );
    let google = r#"[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]"#;
    let mut script = Script::raw("application/json", google.as_bytes());
    script.status = 400;
    check(script, "upstream_bad_request", "API key not valid");
    let mut script = Script::raw("text/plain", b"upstream says no");
    script.status = 400;
    check(script, "upstream_bad_request", "upstream says no");
}

#[test]
fn effort_goes_out_and_is_left_out_where_it_is_refused() {
    let refused = "Unsupported parameter: 'reasoning_effort' is not supported with this model.";
    let answer = || chunks(&[r#"{"content":"a"}"#], STOP);
    let upstream = Upstream::with([Script::refusal(400, "invalid_request_error", refused), answer(), answer()]);
    let provider = provider(&upstream);
    let messages = [user("hi")];
    let prompt =
        Prompt { model: "m", system: None, messages: &messages, tools: &[], max_tokens: None, effort: Some("low") };
    for _ in 0..2 {
        provider.stream(&prompt, &Cancel::new(), &mut |_, _| {}).expect("an answer");
    }
    let sent: Vec<_> = upstream.requests().iter().map(|request| request.body["reasoning_effort"].clone()).collect();
    assert_eq!(sent, [json!("low"), Value::Null, Value::Null]);
}
