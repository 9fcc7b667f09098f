//! A question as the API wants it, in one piece of JSON.
//!
//! `thinking`, sampling parameters and a beginning of the answer (prefill) are left out: some models refuse each of them
//! with a 400, and all of them do without.
//!
//! The provider keeps the beginning of a prompt in a cache if it comes again byte for byte: tools first, then the
//! system prompt, then the messages. So nothing here depends on time or chance, and three of the four breakpoints that
//! are allowed stand at the last tool, the system prompt and the last message.
//! <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>

use super::history;
use super::wire::{Block, Body, Ephemeral, Object, Schema, Tool, ToolChoice, Turn};
use crate::llm::fault::Fault;
use crate::llm::{Prompt, ToolSpec};

/// The body of the request.
///
/// Errors: `Upstream` when nothing of the messages can go to a model.
pub(in crate::llm) fn body(prompt: &Prompt<'_>) -> Result<Vec<u8>, Fault> {
    let mut messages = history::turns(prompt.messages);
    let Some(last) = messages.last_mut().and_then(|turn| turn.content.last_mut()) else {
        return Err(Fault::new("upstream_bad_request", "There is nothing in this message that a model can answer"));
    };
    last.mark();
    let (tools, tool_choice) = tools(prompt.tools, &messages);
    let body = Body {
        model: prompt.model,
        max_tokens: prompt.max_tokens.max(1),
        stream: true,
        tools,
        tool_choice,
        system: prompt.system.filter(|text| !text.trim().is_empty()).map(system),
        messages,
    };
    serde_json::to_vec(&body).map_err(|error| Fault { error: crate::domain::Error::internal(error), again: false })
}

fn system(text: &str) -> [Block<'_>; 1] {
    let mut block = Block::text(text);
    block.mark();
    [block]
}

/// The tools on offer. Where there are none, but the history has calls in it, the tools of those calls are named and
/// forbidden: the API may refuse a history with tools it was not told of.
fn tools<'a>(offered: &'a [ToolSpec], messages: &[Turn<'a>]) -> (Vec<Tool<'a>>, Option<ToolChoice>) {
    let mut tools: Vec<_> =
        offered.iter().map(|spec| tool(&spec.name, &spec.description, &spec.input_schema)).collect();
    let mut choice = None;
    if tools.is_empty() {
        tools = history::tool_names(messages).into_iter().map(|name| tool(name, "No longer available.", "")).collect();
        choice = (!tools.is_empty()).then_some(ToolChoice::None);
    }
    if let Some(last) = tools.last_mut() {
        last.cache_control = Some(Ephemeral {});
    }
    (tools, choice)
}

fn tool<'a>(name: &'a str, description: &'a str, schema: &'a str) -> Tool<'a> {
    Tool { name, description, input_schema: Schema(Object::of(schema)), cache_control: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MessageId, SessionId};
    use crate::domain::message::{Message, MessageRole, MessageStatus, Part};

    fn message(role: MessageRole, part: Part) -> Message {
        Message {
            id: MessageId::random(),
            session_id: SessionId::random(),
            turn_id: None,
            role,
            parts: vec![part],
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 0,
        }
    }

    fn prompt<'a>(messages: &'a [Message], tools: &'a [ToolSpec]) -> Prompt<'a> {
        Prompt { model: "m", system: None, messages, tools, max_tokens: 100 }
    }

    fn sent(prompt: &Prompt<'_>) -> String {
        String::from_utf8(body(prompt).expect("a body")).expect("UTF-8")
    }

    #[test]
    fn a_small_question_in_full() {
        let messages = [message(MessageRole::User, Part::Text("hi".to_owned()))];
        assert_eq!(
            sent(&prompt(&messages, &[])),
            r#"{"model":"m","max_tokens":100,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#
        );
    }

    #[test]
    fn breakpoints_stand_at_tools_system_and_the_last_message() {
        let messages = [message(MessageRole::User, Part::Text("hi".to_owned()))];
        let spec = |name: &str, schema: &str| ToolSpec {
            name: name.to_owned(),
            description: "d".to_owned(),
            input_schema: schema.to_owned(),
        };
        let tools = [spec("b", r#"{"type": "object", "z": 1, "a": 2}"#), spec("a", "broken")];
        let prompt = Prompt { system: Some("be kind"), ..prompt(&messages, &tools) };
        assert_eq!(
            sent(&prompt),
            concat!(
                r#"{"model":"m","max_tokens":100,"stream":true,"#,
                r#""tools":[{"name":"b","description":"d","input_schema":{"type": "object", "z": 1, "a": 2}},"#,
                r#"{"name":"a","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"#,
                r#""system":[{"type":"text","text":"be kind","cache_control":{"type":"ephemeral"}}],"#,
                r#""messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#
            )
        );
    }

    #[test]
    fn tools_of_the_past_are_named_and_forbidden() {
        let call = Part::ToolCall { id: "1".to_owned(), name: "gone".to_owned(), input: "{}".to_owned() };
        let messages = [message(MessageRole::User, Part::Text("q".to_owned())), message(MessageRole::Assistant, call)];
        let body: serde_json::Value = serde_json::from_str(&sent(&prompt(&messages, &[]))).expect("JSON");
        assert_eq!(body["tools"][0]["name"], "gone");
        assert_eq!(body["tool_choice"]["type"], "none");
    }

    #[test]
    fn nothing_to_say_is_said_at_once() {
        let blank = [message(MessageRole::User, Part::Text(" ".to_owned()))];
        assert_eq!(body(&prompt(&blank, &[])).expect_err("nothing").error.code, "upstream_bad_request");
    }
}
