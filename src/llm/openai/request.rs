//! A question as chat completions take it: the least that all servers accept, less what this one has refused.

use serde_json::{Map, Value, json};

use crate::llm::dialect::Form;
use crate::llm::fault::Fault;
use crate::llm::history::{self, Item, Role, Turn};
use crate::llm::lessons::Quirk;
use crate::llm::{Prompt, ToolSpec, schema};

pub(super) fn body(prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
    let turns = history::turns(prompt.messages, form);
    if turns.is_empty() {
        return Err(Fault::nothing_to_answer());
    }
    let mut messages = Vec::new();
    if let Some(system) = prompt.system.filter(|text| !text.trim().is_empty()) {
        messages.push(json!({"role": "system", "content": system}));
    }
    for turn in &turns {
        match turn.role {
            Role::User => user(turn, &mut messages),
            Role::Assistant => messages.push(assistant(turn, form)),
            Role::System => messages.push(json!({"role": "system", "content": history::words(turn)})),
        }
    }
    let mut body = json!({"model": prompt.model, "stream": true, "messages": messages});
    if !form.lessons.has(Quirk::NoStreamOptions) {
        body["stream_options"] = json!({"include_usage": true});
    }
    if let Some(effort) = form.effort {
        body["reasoning_effort"] = json!(effort);
    }
    // Without a number the model may write as much as it can.
    if prompt.max_tokens.or(form.lessons.max_tokens).is_some() {
        let is_new = form.lessons.has(Quirk::CompletionTokens);
        let name = if is_new { "max_completion_tokens" } else { "max_tokens" };
        body[name] = json!(form.max_tokens(prompt.max_tokens));
    }
    if !prompt.tools.is_empty() && !form.lessons.has(Quirk::NoTools) {
        body["tools"] = prompt.tools.iter().map(|spec| tool(spec, form)).collect();
    }
    serde_json::to_vec(&body).map_err(Fault::internal)
}

fn tool(spec: &ToolSpec, form: &Form<'_>) -> Value {
    let parameters = schema::of(spec, form);
    let function = json!({"name": spec.name, "description": spec.description, "parameters": parameters});
    json!({"type": "function", "function": function})
}

/// Results have messages of their own, before what the person says.
fn user(turn: &Turn<'_>, messages: &mut Vec<Value>) {
    let mut parts = Vec::new();
    for item in &turn.items {
        match item {
            Item::Result { id, name, output, pictures, .. } => {
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": output}));
                if !pictures.is_empty() {
                    parts.push(json!({"type": "text", "text": history::pictures_of(name)}));
                    parts.extend(pictures.iter().map(|picture| image(picture.media_type, picture.data)));
                }
            }
            Item::Text(text) => parts.push(json!({"type": "text", "text": text})),
            Item::Document { text, title } => {
                parts.push(json!({"type": "text", "text": history::document(text, *title)}));
            }
            Item::Image { media_type, data } => {
                parts.push(image(media_type, data));
            }
            Item::Pdf { data, title } => {
                let file = format!("data:application/pdf;base64,{data}");
                let name = title.unwrap_or("file.pdf");
                parts.push(json!({"type": "file", "file": {"filename": name, "file_data": file}}));
            }
            _ => {}
        }
    }
    if parts.is_empty() {
        return;
    }
    // Models without eyes take no list, so there is one only where there is a picture.
    let content = if parts.iter().all(|part| part["type"] == "text") {
        let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        json!(texts.join("\n\n"))
    } else {
        Value::Array(parts)
    };
    messages.push(json!({"role": "user", "content": content}));
}

fn image(media_type: &str, data: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": format!("data:{media_type};base64,{data}")}})
}

fn assistant(turn: &Turn<'_>, form: &Form<'_>) -> Value {
    let kept = |item: &Item<'_>| if let Item::Opaque(data) = item { serde_json::from_str(data).ok() } else { None };
    let own: Option<Value> = turn.items.iter().rev().find_map(kept);
    let own = own.filter(|_| !form.lessons.has(Quirk::NoThinking)).unwrap_or_default();
    let mut message = own["message"].as_object().cloned().unwrap_or_default();
    message.insert("role".to_owned(), json!("assistant"));
    let texts: Vec<&str> =
        turn.items.iter().filter_map(|item| if let Item::Text(text) = item { Some(&**text) } else { None }).collect();
    // Beside calls, one server refuses null and another an empty text: so there is no content at all.
    if !texts.is_empty() || form.lessons.has(Quirk::EmptyContent) {
        message.insert("content".to_owned(), json!(texts.join("\n\n")));
    }
    if let Some(name) = own["reasoning"].as_str() {
        let thoughts = turn.items.iter();
        let thoughts =
            thoughts.filter_map(|item| if let Item::Thinking { text, .. } = item { Some(*text) } else { None });
        message.insert(name.to_owned(), json!(thoughts.collect::<String>()));
    }
    let calls: Vec<Value> = turn.items.iter().filter_map(|item| call(item, &own["calls"])).collect();
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(message)
}

fn call(item: &Item<'_>, extra: &Value) -> Option<Value> {
    let Item::Call { id, own_id, name, input } = item else { return None };
    let mut call: Map<String, Value> = extra[*own_id].as_object().cloned().unwrap_or_default();
    call.insert("id".to_owned(), json!(id));
    call.insert("type".to_owned(), json!("function"));
    call.insert("function".to_owned(), json!({"name": name, "arguments": input}));
    Some(Value::Object(call))
}
