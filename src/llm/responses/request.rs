//! A question as a list of items. Nothing is stored on the other side (`store: false`), so the model's own notes travel
//! encrypted, and go back word for word.

use serde_json::{Map, Value, json};

use crate::llm::dialect::Form;
use crate::llm::fault::Fault;
use crate::llm::history::{self, Item, Role, Turn};
use crate::llm::json::text;
use crate::llm::lessons::Quirk;
use crate::llm::{Prompt, ToolSpec, schema};

pub(super) fn body(prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
    let turns = history::turns(prompt.messages, form);
    if turns.is_empty() {
        return Err(Fault::nothing_to_answer());
    }
    let mut input = Vec::new();
    for turn in &turns {
        match turn.role {
            Role::User => user(turn, form, &mut input),
            Role::Assistant => assistant(turn, &mut input),
            Role::System => input.push(json!({"role": "developer", "content": history::words(turn)})),
        }
    }
    let mut body = json!({"model": prompt.model, "stream": true, "store": false, "input": input});
    if let Some(system) = prompt.system.filter(|text| !text.trim().is_empty()) {
        body["instructions"] = json!(system);
    }
    if !form.lessons.has(Quirk::NoThinking) {
        body["include"] = json!(["reasoning.encrypted_content"]);
        if !form.lessons.has(Quirk::NoSummary) {
            body["reasoning"] = json!({"summary": "auto"}); // without it, a long wait looks dead
        }
    }
    if let Some(effort) = form.effort.filter(|_| !form.lessons.has(Quirk::NoThinking)) {
        body["reasoning"]["effort"] = json!(effort);
    }
    // Without a number the model may write as much as it can.
    if prompt.max_tokens.or(form.lessons.max_tokens).is_some() {
        body["max_output_tokens"] = json!(form.max_tokens(prompt.max_tokens));
    }
    if !prompt.tools.is_empty() && !form.lessons.has(Quirk::NoTools) {
        body["tools"] = prompt.tools.iter().map(|spec| tool(spec, form)).collect();
    }
    serde_json::to_vec(&body).map_err(Fault::internal)
}

/// `strict` is on where it is left out, and refuses most schemas.
fn tool(spec: &ToolSpec, form: &Form<'_>) -> Value {
    let parameters = schema::of(spec, form);
    let mut tool = json!({"type": "function", "name": spec.name, "description": spec.description,
        "parameters": parameters});
    if !form.lessons.has(Quirk::PlainSchemas) {
        tool["strict"] = json!(false);
    }
    tool
}

/// Results are items of their own, before what the person says.
fn user(turn: &Turn<'_>, form: &Form<'_>, input: &mut Vec<Value>) {
    let mut parts = Vec::new();
    for item in &turn.items {
        match item {
            Item::Result { id, name, output, pictures, .. } => {
                input.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
                if !pictures.is_empty() {
                    parts.push(text_part(&history::pictures_of(name)));
                    parts.extend(pictures.iter().map(|picture| image(picture.media_type, picture.data)));
                }
            }
            Item::Text(text) => parts.push(text_part(text)),
            Item::Document { text, title } => parts.push(text_part(&history::document(text, *title))),
            Item::Image { media_type, data } => {
                parts.push(image(media_type, data));
            }
            Item::Pdf { data, title } => {
                let data = format!("data:application/pdf;base64,{data}");
                let name = title.unwrap_or("document.pdf");
                parts.push(json!({"type": "input_file", "filename": name, "file_data": data}));
            }
            _ => {}
        }
    }
    if parts.is_empty() {
        return;
    }
    let content = if form.lessons.has(Quirk::PlainContent) { json!(history::words(turn)) } else { Value::Array(parts) };
    input.push(json!({"role": "user", "content": content}));
}

fn text_part(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

fn image(media_type: &str, data: &str) -> Value {
    json!({"type": "input_image", "image_url": format!("data:{media_type};base64,{data}")})
}

/// Items in the order in which they came. What was kept of a message or a call beside what we understand stands behind
/// it, and goes back into it.
fn assistant(turn: &Turn<'_>, input: &mut Vec<Value>) {
    for item in &turn.items {
        match item {
            Item::Text(text) => input.push(json!({"role": "assistant", "content": text})),
            Item::Call { id, name, input: arguments, .. } => {
                input.push(json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}));
            }
            Item::Opaque(data) => {
                let Ok(mut kept) = serde_json::from_str::<Map<String, Value>>(data) else { continue };
                let Some(fields) = kept.remove("fields") else {
                    input.push(Value::Object(kept));
                    continue;
                };
                let is_same = |last: &&mut Value| match text(&json!(kept), "of") {
                    "message" => last["role"] == "assistant",
                    kind => last["type"] == kind,
                };
                if let (Some(last), Value::Object(fields)) = (input.last_mut().filter(is_same), fields) {
                    last.as_object_mut().into_iter().for_each(|last| last.extend(fields.clone()));
                }
            }
            _ => {}
        }
    }
}
