//! What the real Messages API refuses, so that a request which would be a 400 there is a 400 in a test too.
//!
//! The rules are those that every current model (5.x) has; <https://docs.anthropic.com/en/api/messages>.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::judge_openai;

/// The models that Anthropic serves to a new account today.
pub const MODELS: [&str; 4] = ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-2"];
/// A signature that this server did not make contains this.
pub const FOREIGN: &str = "of-another-provider";

/// The message of the 400 that a request to this path gets, if it gets one.
pub fn refuses(path: &str, body: &Value) -> Option<String> {
    match path {
        "/v1/messages" => parameters(body).and_then(|()| tools(body)).and_then(|()| messages(body)).err(),
        "/v1/chat/completions" => judge_openai::chat(body).err(),
        "/v1/responses" => judge_openai::responses(body).err(),
        _ => None,
    }
}

fn parameters(body: &Value) -> Result<(), String> {
    let most = body["max_tokens"].as_u64().ok_or("max_tokens: Field required")?;
    if most == 0 || most > 128_000 {
        return Err(format!("max_tokens: {most} > 128000, which is the maximum allowed number of output tokens"));
    }
    for name in ["temperature", "top_p", "top_k"] {
        refuse_if(body.get(name).is_some(), &format!("{name}: this model does not support sampling parameters"))?;
    }
    let thinking = body.get("thinking").map_or("adaptive", |thinking| thinking["type"].as_str().unwrap_or(""));
    refuse_if(thinking != "adaptive", &format!("thinking.type: '{thinking}' is not supported by this model"))?;
    refuse_if(
        body["thinking"].get("budget_tokens").is_some(),
        "thinking.budget_tokens: Extra inputs are not permitted",
    )?;
    let choice = body["tool_choice"]["type"].as_str().unwrap_or("auto");
    refuse_if(!matches!(choice, "auto" | "none"), &format!("tool_choice: '{choice}' is not supported by this model"))?;
    refuse_if(body.to_string().matches("cache_control").count() > 4, "A maximum of 4 blocks with cache_control")?;
    let blank = |text: &Value| text.as_str().is_some_and(|text| text.trim().is_empty());
    let system = body["system"].as_array().cloned().unwrap_or_default();
    refuse_if(system.iter().any(|block| blank(&block["text"])), "system: text content blocks must be non-empty")
}

fn tools(body: &Value) -> Result<(), String> {
    let mut seen = HashSet::new();
    for tool in body["tools"].as_array().into_iter().flatten() {
        let name = tool["name"].as_str().unwrap_or("");
        refuse_if(!is_token(name, 64), &format!("tools.name: '{name}' should match '^[a-zA-Z0-9_-]{{1,64}}$'"))?;
        refuse_if(!seen.insert(name), "tools: Tool names must be unique")?;
        refuse_if(tool["input_schema"]["type"] != "object", "tools.input_schema.type: Input should be 'object'")?;
    }
    Ok(())
}

fn messages(body: &Value) -> Result<(), String> {
    let turns =
        body["messages"].as_array().filter(|turns| !turns.is_empty()).ok_or("messages: at least one message")?;
    refuse_if(turns[0]["role"] != "user", "messages: first message must use the \"user\" role")?;
    refuse_if(turns[turns.len() - 1]["role"] != "user", "This model does not support assistant message prefill")?;
    let mut called = HashSet::new();
    let mut open: Vec<String> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let at = format!("messages.{index}");
        if turn["role"] == "system" {
            refuse_if(index == 0 || !open.is_empty(), &format!("{at}: unexpected role \"system\""))?;
            continue;
        }
        // A string is short for one block of text.
        let content = match &turn["content"] {
            Value::String(text) if !text.is_empty() => json!([{"type": "text", "text": text}]),
            other => other.clone(),
        };
        let blocks = content.as_array().filter(|blocks| !blocks.is_empty());
        let blocks = blocks.ok_or_else(|| format!("{at}: all messages must have non-empty content"))?;
        let answered: Vec<String> = blocks.iter().filter_map(answers).collect();
        for id in &answered {
            refuse_if(!open.contains(id), &format!("{at}: unexpected `tool_use_id` found in `tool_result`: {id}"))?;
        }
        refuse_if(
            open.iter().any(|id| !answered.contains(id)),
            &format!("{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {open:?}"),
        )?;
        open.clear();
        for block in blocks {
            self::block(block, turn["role"] == "assistant", &at)?;
            if block["type"] == "tool_use" {
                let id = block["id"].as_str().unwrap_or("").to_owned();
                refuse_if(!called.insert(id.clone()), &format!("{at}: `tool_use` ids must be unique"))?;
                open.push(id);
            }
        }
    }
    Ok(())
}

fn block(block: &Value, is_assistant: bool, at: &str) -> Result<(), String> {
    let text = |name: &str| block[name].as_str().unwrap_or("");
    match text("type") {
        // What a model has said goes back as it was, with its empty texts.
        "text" => refuse_if(
            !is_assistant && text("text").trim().is_empty(),
            &format!("{at}: text content blocks must be non-empty"),
        ),
        "tool_use" if is_assistant => {
            refuse_if(!is_token(text("id"), 256), &format!("{at}.tool_use.id: should match '^[a-zA-Z0-9_-]+$'"))?;
            refuse_if(!is_token(text("name"), 200), &format!("{at}.tool_use.name: should match '^[a-zA-Z0-9_-]+$'"))?;
            refuse_if(!block["input"].is_object(), &format!("{at}.tool_use.input: Input should be a valid dictionary"))
        }
        "thinking" if is_assistant => {
            let signature = text("signature");
            let is_ours = !signature.is_empty() && !signature.contains(FOREIGN);
            refuse_if(!is_ours, &format!("{at}: Invalid `signature` in `thinking` block"))
        }
        "redacted_thinking" if is_assistant => Ok(()),
        "tool_result" | "image" | "document" if !is_assistant => Ok(()),
        kind => Err(format!("{at}: unexpected content block '{kind}'")),
    }
}

fn answers(block: &Value) -> Option<String> {
    (block["type"] == "tool_result").then(|| block["tool_use_id"].as_str().unwrap_or("").to_owned())
}

pub fn is_token(text: &str, most: usize) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.len() <= most && text.chars().all(is_good)
}

pub fn refuse_if(is_wrong: bool, message: &str) -> Result<(), String> {
    if is_wrong { Err(message.to_owned()) } else { Ok(()) }
}
