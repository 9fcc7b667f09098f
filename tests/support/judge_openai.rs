//! What OpenAI's two APIs refuse; <https://platform.openai.com/docs/api-reference>.

use serde_json::Value;

use super::judge::{is_token, refuse_if};

/// Chat completions, as a model without reasoning takes them.
pub fn chat(body: &Value) -> Result<(), String> {
    let messages = body["messages"].as_array().filter(|list| !list.is_empty()).ok_or("'messages' must not be empty")?;
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or("");
        refuse_if(!["system", "developer", "user", "assistant", "tool"].contains(&role), &format!("bad role {role}"))?;
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or("");
            let place = open.iter().position(|open| *open == id);
            let place = place.ok_or_else(|| format!("messages.{at}: role 'tool' must follow its 'tool_calls'"))?;
            open.remove(place);
            continue;
        }
        refuse_if(!open.is_empty(), &format!("tool_call_ids did not have response messages: {open:?}"))?;
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let name = call["function"]["name"].as_str().unwrap_or("");
            refuse_if(!is_token(name, 64), &format!("Invalid 'messages[{at}].tool_calls.function.name'"))?;
            refuse_if(!call["function"]["arguments"].is_string(), "arguments: expected a string")?;
            open.push(call["id"].as_str().unwrap_or(""));
        }
        let has_content = !message["content"].is_null() || message["tool_calls"].is_array();
        refuse_if(!has_content, &format!("Invalid value for 'content' of messages.{at}: expected a string, got null"))?;
    }
    refuse_if(!open.is_empty(), "tool_call_ids did not have response messages")?;
    let has_name = |tool: &Value| tool["function"]["name"].is_string();
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    refuse_if(!tools.iter().all(has_name), "Missing required parameter: 'tools[0].function'")
}

/// Responses, as a model that thinks takes them, with nothing stored.
pub fn responses(body: &Value) -> Result<(), String> {
    refuse_if(body["store"] != false, "organizations with zero data retention must set 'store' to false")?;
    for name in ["temperature", "top_p", "messages", "max_tokens"] {
        refuse_if(body.get(name).is_some(), &format!("Unsupported parameter: '{name}' is not supported"))?;
    }
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    refuse_if(tools.iter().any(|tool| !tool["name"].is_string()), "Missing required parameter: 'tools[0].name'.")?;
    let items = body["input"].as_array().filter(|list| !list.is_empty()).ok_or("'input' must not be empty")?;
    let mut open: Vec<&str> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let text = |name: &str| item[name].as_str().unwrap_or("");
        match (text("type"), text("role")) {
            ("function_call", _) => {
                refuse_if(!is_token(text("call_id"), 64), &format!("Invalid 'input[{at}].call_id'"))?;
                refuse_if(!item["arguments"].is_string(), &format!("Invalid type for 'input[{at}].arguments'"))?;
                open.push(text("call_id"));
            }
            ("function_call_output", _) => {
                let place = open.iter().position(|open| *open == text("call_id"));
                let no_call =
                    || format!("No tool call found for function call output with call_id {}.", text("call_id"));
                open.remove(place.ok_or_else(no_call)?);
            }
            ("reasoning", _) => {
                let follows = items.get(at + 1).is_some_and(|next| {
                    next["type"] == "function_call" || next["role"] == "assistant" || next["type"] == "reasoning"
                });
                refuse_if(!follows, "Item of type 'reasoning' was provided without its required following item.")?;
                refuse_if(
                    text("encrypted_content").is_empty(),
                    "Item with id not found. Items are not persisted when `store` is set to false.",
                )?;
                refuse_if(
                    text("encrypted_content").contains("foreign"),
                    "The encrypted content could not be verified.",
                )?;
            }
            ("" | "message", role @ ("user" | "assistant")) => {
                let wanted = if role == "user" { "input_" } else { "output_" };
                let kinds = item["content"].as_array().cloned().unwrap_or_default();
                let is_good =
                    kinds.iter().all(|part| part["type"].as_str().is_some_and(|kind| kind.starts_with(wanted)));
                refuse_if(!is_good, &format!("Invalid value: input[{at}].content"))?;
                refuse_if(item["content"].is_null(), &format!("Missing required parameter: 'input[{at}].content'"))?;
                if role == "user" {
                    refuse_if(!open.is_empty(), &format!("No tool output found for function call {open:?}."))?;
                }
            }
            (kind, _) => return Err(format!("Invalid value: '{kind}' of input[{at}]")),
        }
    }
    refuse_if(!open.is_empty(), &format!("No tool output found for function call {open:?}."))
}
