//! Ollama's own API. Its OpenAI-compatible one cannot set the size of the context, and cuts a long prompt silently.
//! <https://github.com/ollama/ollama/blob/main/docs/api.md>

use serde_json::{Value, json};

use super::dialect::{self, Dialect, Form, Framing, Reader};
use super::draft::Draft;
use super::fault::Fault;
use super::history::{self, Item, Role, Turn};
use super::json::{count, text};
use super::lessons::Quirk;
use super::models::Model;
use super::{Prompt, ToolSpec, schema};
use crate::domain::StopReason;
use crate::domain::secret::Secret;

const OWN_URL: &str = "http://127.0.0.1:11434";
/// The smallest context that is asked for, in tokens. It doubles as a conversation grows, because another size makes
/// Ollama load the model anew.
const LEAST_CONTEXT: usize = 8192;
/// A token is at least so many bytes in all languages, about; and room is left for the answer, in tokens.
const BYTES_PER_TOKEN: usize = 3;
const ANSWER_TOKENS: usize = 4096;

pub(super) struct Ollama;

impl Dialect for Ollama {
    fn chat_url(&self, base: &str) -> String {
        format!("{}/api/chat", root(base))
    }

    fn models_url(&self, base: &str) -> String {
        format!("{}/api/tags", root(base))
    }

    /// Ollama itself has no keys; a proxy in front of it may.
    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        key.map(|key| ("authorization", format!("Bearer {}", key.expose().trim()))).into_iter().collect()
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn body(&self, prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
        let turns = history::turns(prompt.messages, form);
        if turns.is_empty() {
            return Err(Fault::nothing_to_answer());
        }
        let system = prompt.system.filter(|text| !text.trim().is_empty());
        let mut messages: Vec<Value> =
            system.into_iter().map(|text| json!({"role": "system", "content": text})).collect();
        for turn in &turns {
            match turn.role {
                Role::User => user(turn, &mut messages),
                Role::Assistant => messages.push(assistant(turn)),
                Role::System => messages.push(json!({"role": "system", "content": history::words(turn)})),
            }
        }
        // `truncate: false`: an error says that a prompt does not fit, where a cut one would just be answered badly.
        let mut body = json!({"model": prompt.model, "stream": true, "truncate": false, "messages": messages});
        if !prompt.tools.is_empty() && !form.lessons.has(Quirk::NoTools) {
            body["tools"] = prompt.tools.iter().map(|spec| tool(spec, form)).collect();
        }
        match form.effort {
            _ if form.lessons.has(Quirk::NoThinking) => body["think"] = json!(false),
            Some("none") => body["think"] = json!(false),
            Some(effort) => body["think"] = json!(level(effort)),
            None => {}
        }
        let (most, loaded) = form.context;
        let context = loaded.unwrap_or_else(|| context(body.to_string().len()).min(most.unwrap_or(u64::MAX)));
        body["options"] = json!({"num_ctx": context});
        if let Some(tokens) = prompt.max_tokens {
            body["options"]["num_predict"] = json!(form.max_tokens(Some(tokens)));
        }
        serde_json::to_vec(&body).map_err(Fault::internal)
    }

    fn reader(&self, _origin: &str, prompt: &Prompt<'_>) -> Box<dyn Reader> {
        Box::new(Stream { calls: 0, is_limited: prompt.max_tokens.is_some() })
    }

    fn details(&self, base: &str, model: &str) -> Option<(String, Value)> {
        Some((format!("{}/api/show", root(base)), json!({"model": model})))
    }

    fn takes_context(&self) -> bool {
        true
    }

    /// What a model can do, how much goes into it, and with how much it is loaded where its `Modelfile` says so.
    fn describe(&self, model: &mut Model, details: &Value) {
        if let Some(names) = details["capabilities"].as_array() {
            let can = |name: &str| Some(names.iter().any(|known| known == name));
            (model.tools, model.images, model.thinking) = (can("tools"), can("vision"), can("thinking"));
        }
        let info = details["model_info"].as_object().into_iter().flatten();
        let mut lengths = info.filter(|(name, _)| name.ends_with(".context_length"));
        model.context_tokens = lengths.next().and_then(|(_, length)| count(length));
        let parameters = text(details, "parameters").lines();
        let mut set = parameters.filter_map(|line| line.trim().strip_prefix("num_ctx")?.trim().parse().ok());
        model.loaded_context = set.next();
    }

    fn models(&self, list: &Value) -> Vec<Model> {
        let names = list["models"].as_array().into_iter().flatten().map(|entry| text(entry, "name"));
        names.filter(|name| !name.is_empty()).map(|name| Model { id: name.to_owned(), ..Model::default() }).collect()
    }
}

fn root(base: &str) -> &str {
    match dialect::bare(base, &["/chat", "/api", "/v1"]) {
        "" => OWN_URL,
        root => root,
    }
}

/// The size of the context for a request of so many bytes, in tokens.
fn context(bytes: usize) -> u64 {
    (bytes / BYTES_PER_TOKEN + ANSWER_TOKENS).next_power_of_two().max(LEAST_CONTEXT) as u64
}

/// The three that there are.
fn level(effort: &str) -> &'static str {
    match effort {
        "minimal" | "low" => "low",
        "medium" => "medium",
        _ => "high",
    }
}

fn tool(spec: &ToolSpec, form: &Form<'_>) -> Value {
    let parameters = schema::of(spec, form);
    let function = json!({"name": spec.name, "description": spec.description, "parameters": parameters});
    json!({"type": "function", "function": function})
}

fn user(turn: &Turn<'_>, messages: &mut Vec<Value>) {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for item in &turn.items {
        match item {
            Item::Result { name, output, pictures, .. } => {
                messages.push(json!({"role": "tool", "tool_name": name, "content": output}));
                if !pictures.is_empty() {
                    texts.push(history::pictures_of(name));
                    images.extend(pictures.iter().map(|picture| picture.data));
                }
            }
            Item::Text(text) => texts.push(text.to_string()),
            Item::Document { text, title } => texts.push(history::document(text, *title)),
            Item::Image { data, .. } => images.push(*data),
            Item::Pdf { title, .. } => {
                if let Item::Text(text) = history::cannot_be_shown("application/pdf", *title) {
                    texts.push(text.into_owned());
                }
            }
            _ => {}
        }
    }
    if !texts.is_empty() || !images.is_empty() {
        let mut message = json!({"role": "user", "content": texts.join("\n\n")});
        if !images.is_empty() {
            message["images"] = json!(images);
        }
        messages.push(message);
    }
}

fn assistant(turn: &Turn<'_>) -> Value {
    let (mut texts, mut thoughts, mut calls) = (Vec::new(), String::new(), Vec::new());
    for item in &turn.items {
        match item {
            Item::Text(text) => texts.push(&**text),
            Item::Thinking { text, .. } => thoughts.push_str(text),
            Item::Call { name, input, .. } => {
                let arguments: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({}));
                calls.push(json!({"function": {"name": name, "arguments": arguments}}));
            }
            _ => {}
        }
    }
    let mut message = json!({"role": "assistant", "content": texts.join("\n\n")});
    // Models want their thinking back only while they use tools.
    if !calls.is_empty() {
        if !thoughts.is_empty() {
            message["thinking"] = json!(thoughts);
        }
        message["tool_calls"] = Value::Array(calls);
    }
    message
}

struct Stream {
    calls: u64,
    /// The answer's length was limited: where it was not, only a full context cuts it off.
    is_limited: bool,
}

impl Reader for Stream {
    fn event(&mut self, event: &Value, draft: &mut Draft<'_>) -> bool {
        draft.model(text(event, "model"));
        let message = &event["message"];
        draft.thinking(text(message, "thinking"));
        draft.text(text(message, "content"));
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            draft.call(self.calls, text(call, "id"), text(function, "name"));
            let arguments = &function["arguments"];
            let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
            draft.call_input(self.calls, &arguments);
            draft.end_call(self.calls);
            self.calls += 1;
        }
        if event["done"] != true {
            return false;
        }
        draft.stop_reason(match text(event, "done_reason") {
            "length" if self.is_limited => StopReason::MaxTokens,
            "length" => StopReason::ContextWindow,
            _ if self.calls > 0 => StopReason::ToolUse,
            "stop" | "" => StopReason::EndTurn,
            other => StopReason::from(other),
        });
        let usage = draft.usage();
        usage.input = count(&event["prompt_eval_count"]).unwrap_or(usage.input);
        usage.output = count(&event["eval_count"]).unwrap_or(usage.output);
        true
    }

    fn whole(&mut self, answer: &Value, draft: &mut Draft<'_>) -> bool {
        answer["message"].is_object() && self.event(answer, draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_type_them() {
        let check = |base: &str, expected: &str| assert_eq!(Ollama.chat_url(base), expected, "{base}");
        check("", "http://127.0.0.1:11434/api/chat");
        check("http://box:11434/", "http://box:11434/api/chat");
        check("http://box:11434/v1", "http://box:11434/api/chat");
        check("http://box:11434/api/chat", "http://box:11434/api/chat");
    }

    #[test]
    fn the_context_grows_in_steps() {
        assert_eq!([0, 10_000, 20_000, 100_000].map(context), [8192, 8192, 16384, 65536]);
    }
}
