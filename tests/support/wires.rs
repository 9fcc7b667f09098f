//! What a decent server answers on each of the four wires; the official clients accept it (`make test-sdks`).

use serde_json::{Value, json};

use super::script::Script;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Anthropic,
    Chat,
    Responses,
    Ollama,
}

impl Wire {
    pub const ALL: [Self; 4] = [Self::Anthropic, Self::Chat, Self::Responses, Self::Ollama];

    /// What `LLM_PROVIDER` calls it.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Chat => "openai",
            Self::Responses => "responses",
            Self::Ollama => "ollama",
        }
    }

    /// A text in these pieces, one chunk of the body each.
    pub fn text(self, pieces: &[&str]) -> Script {
        match self {
            Self::Anthropic => Script::deltas(pieces),
            Self::Chat => chat(pieces.iter().map(|text| json!({"content": text})).collect(), "stop"),
            Self::Responses => Script::events(&message(pieces)),
            Self::Ollama => ollama(pieces.iter().map(|text| json!({"content": text})).collect()),
        }
    }

    /// A call of a tool, with a sentence before it.
    pub fn call(self, name: &str, input: &str) -> Script {
        match self {
            Self::Anthropic => Script::tool_use("Which tool?", "c2ln", "toolu_1", name, &[input]),
            Self::Chat => {
                let begun = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}});
                let rest = json!({"index": 0, "function": {"arguments": input}});
                let calls = [begun, rest].map(|call| json!({"tool_calls": [call]}));
                chat([json!({"content": "Let me look."})].into_iter().chain(calls).collect(), "tool_calls")
            }
            Self::Responses => Script::events(&call(name, input)),
            Self::Ollama => {
                let arguments: Value = serde_json::from_str(input).expect("JSON");
                let call = json!({"function": {"name": name, "arguments": arguments}});
                ollama(vec![json!({"content": "Let me look."}), json!({"content": "", "tool_calls": [call]})])
            }
        }
    }
}

fn chat(deltas: Vec<Value>, reason: &str) -> Script {
    let chunk = |choices: Value, usage: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "model-of-the-test",
            "choices": choices, "usage": usage})
    };
    let choice =
        |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
    let first = json!({"role": "assistant", "content": ""});
    let deltas = [first].into_iter().chain(deltas);
    let mut chunks: Vec<Value> = deltas.map(|delta| chunk(choice(delta, Value::Null), Value::Null)).collect();
    chunks.push(chunk(choice(json!({}), json!(reason)), Value::Null));
    chunks.push(chunk(json!([]), json!({"prompt_tokens": 11, "completion_tokens": 23, "total_tokens": 34})));
    Script::lines(chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".to_owned()]))
}

fn ollama(messages: Vec<Value>) -> Script {
    let line = |message: Value, done: bool| {
        let mut line = json!({"model": "model-of-the-test", "created_at": "2026-11-27T12:00:00Z", "message": message, "done": done});
        line["message"]["role"] = json!("assistant");
        if done {
            let end = json!({"done_reason": "stop", "total_duration": 9, "prompt_eval_count": 11, "eval_count": 23});
            line.as_object_mut().expect("an object").extend(end.as_object().expect("an object").clone());
        }
        format!("{line}\n")
    };
    let end = line(json!({"content": ""}), true);
    let script = Script::lines(messages.into_iter().map(|message| line(message, false)).chain([end]));
    script.header("content-type", "application/x-ndjson")
}

fn response(status: &str, output: Value) -> Value {
    let usage = json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 23,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 34});
    json!({"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "model": "model-of-the-test", "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "store": false,
        "usage": if status == "completed" { usage } else { Value::Null }})
}

/// Numbers the events, as the real API does.
fn numbered(events: Vec<Value>) -> Vec<Value> {
    let number = |(at, mut event): (usize, Value)| {
        event["sequence_number"] = json!(at);
        event
    };
    events.into_iter().enumerate().map(number).collect()
}

fn said(index: usize, pieces: &[&str]) -> (Vec<Value>, Value) {
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let item = |status: &str, content: Value| json!({"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content});
    let whole = pieces.concat();
    let at = |kind: &str, more: Value| {
        let mut event = json!({"type": kind, "item_id": "msg_1", "output_index": index, "content_index": 0});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        event
    };
    let done = item("completed", json!([part(&whole)]));
    let mut events = vec![
        json!({"type": "response.output_item.added", "output_index": index, "item": item("in_progress", json!([]))}),
        at("response.content_part.added", json!({"part": part("")})),
    ];
    events.extend(pieces.iter().map(|piece| at("response.output_text.delta", json!({"delta": piece, "logprobs": []}))));
    events.push(at("response.output_text.done", json!({"text": whole, "logprobs": []})));
    events.push(at("response.content_part.done", json!({"part": part(&whole)})));
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": done}));
    (events, done)
}

fn begun() -> Vec<Value> {
    let kinds = ["response.created", "response.in_progress"];
    kinds.map(|kind| json!({"type": kind, "response": response("in_progress", json!([]))})).to_vec()
}

fn message(pieces: &[&str]) -> Vec<Value> {
    let (events, item) = said(0, pieces);
    let end = json!({"type": "response.completed", "response": response("completed", json!([item]))});
    numbered(begun().into_iter().chain(events).chain([end]).collect())
}

fn call(name: &str, input: &str) -> Vec<Value> {
    let reasoning = |summary: Value| json!({"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "c2VjcmV0"});
    let part = json!({"type": "summary_text", "text": "Which tool?"});
    let thought = reasoning(json!([part]));
    let at = |kind: &str| json!({"type": kind, "item_id": "rs_1", "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}});
    let mut delta = at("response.reasoning_summary_text.delta");
    delta["delta"] = json!("Which tool?");
    let mut events = begun();
    events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": reasoning(json!([]))}));
    events.extend([at("response.reasoning_summary_part.added"), delta]);
    events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": thought}));
    let (sentence, text) = said(1, &["Let me ", "look."]);
    events.extend(sentence);
    let item = |status: &str, arguments: &str| {
        json!({"id": "fc_1", "type": "function_call", "status": status, "call_id": "call_1",
        "name": name, "arguments": arguments})
    };
    let piece =
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 2, "delta": input});
    let whole = json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 2, "arguments": input, "name": name});
    events.push(json!({"type": "response.output_item.added", "output_index": 2, "item": item("in_progress", "")}));
    events.extend([piece, whole]);
    let called = item("completed", input);
    events.push(json!({"type": "response.output_item.done", "output_index": 2, "item": called}));
    events
        .push(json!({"type": "response.completed", "response": response("completed", json!([thought, text, called]))}));
    numbered(events)
}
