//! A question as the API wants it, in one piece of JSON.
//!
//! Sampling parameters and a beginning of the answer (prefill) are left out: some models refuse each of them with a 400,
//! and all of them do without. Thinking is asked for where the model says that it takes it.
//!
//! The provider keeps the beginning of a prompt in a cache if it comes again byte for byte: tools first, then the
//! system prompt, then the messages. So nothing here depends on time or chance, and three of the four breakpoints that
//! are allowed stand at the last tool, the system prompt and the last message.
//! <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>

use super::wire::{
    Block, Body, Ephemeral, Object, Output, OutputConfig, Role, Schema, Source, Thinking, Tool, ToolChoice, Turn,
};
use crate::llm::dialect::Form;
use crate::llm::fault::Fault;
use crate::llm::history::{self, Item, Picture};
use crate::llm::lessons::Quirk;
use crate::llm::{Prompt, ToolSpec, schema};

pub(super) fn body(prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
    let history = history::turns(prompt.messages, form);
    let may_cache = !form.lessons.has(Quirk::NoCacheControl);
    let mut messages: Vec<Turn<'_>> = history.iter().map(turn).filter(|turn| !turn.content.is_empty()).collect();
    let Some(last) = messages.last_mut().and_then(|turn| turn.content.last_mut()) else {
        return Err(Fault::nothing_to_answer());
    };
    if may_cache {
        last.mark();
    }
    let specs: Vec<ToolSpec>;
    let offered = if form.lessons.has(Quirk::PlainSchemas) {
        specs = prompt.tools.iter().map(|spec| plain(spec, form)).collect();
        &specs
    } else {
        prompt.tools
    };
    let takes_tools = !form.lessons.has(Quirk::NoTools);
    let (mut tools, tool_choice) = if takes_tools { tools(offered, &history) } else { (Vec::new(), None) };
    if let Some(last) = tools.last_mut().filter(|_| may_cache) {
        last.cache_control = Some(Ephemeral {});
    }
    let mut system = prompt.system.filter(|text| !text.trim().is_empty()).map(|text| [Block::text(text)]);
    if let Some([block]) = system.as_mut().filter(|_| may_cache) {
        block.mark();
    }
    let body = Body {
        model: prompt.model,
        max_tokens: form.max_tokens(prompt.max_tokens),
        stream: true,
        thinking: (form.thinks && !form.lessons.has(Quirk::NoThinking)).then(Thinking::adaptive),
        output_config: form.effort.map(|effort| OutputConfig { effort }),
        tools,
        tool_choice: tool_choice.filter(|_| !form.lessons.has(Quirk::NoToolChoice)),
        system,
        messages,
    };
    serde_json::to_vec(&body).map_err(Fault::internal)
}

/// A tool whose schema has nothing in it that was refused. Otherwise schemas go out byte for byte.
fn plain(spec: &ToolSpec, form: &Form<'_>) -> ToolSpec {
    ToolSpec { input_schema: schema::of(spec, form).to_string(), ..spec.clone() }
}

/// The tools on offer. Where there are none, but the history has calls in it, the tools of those calls are named and
/// forbidden: the API may refuse a history with tools it was not told of.
fn tools<'a>(offered: &'a [ToolSpec], history: &'a [history::Turn<'_>]) -> (Vec<Tool<'a>>, Option<ToolChoice>) {
    if !offered.is_empty() {
        let tools = offered.iter().map(|spec| tool(&spec.name, &spec.description, &spec.input_schema));
        return (tools.collect(), None);
    }
    let tools: Vec<_> =
        history::tool_names(history).into_iter().map(|name| tool(name, "No longer available.", "")).collect();
    let choice = (!tools.is_empty()).then_some(ToolChoice::None);
    (tools, choice)
}

fn tool<'a>(name: &'a str, description: &'a str, schema: &'a str) -> Tool<'a> {
    Tool { name, description, input_schema: Schema(Object::of(schema)), cache_control: None }
}

fn turn<'a>(turn: &'a history::Turn<'_>) -> Turn<'a> {
    let role = match turn.role {
        history::Role::User => Role::User,
        history::Role::Assistant => Role::Assistant,
        history::Role::System => Role::System,
    };
    Turn { role, content: turn.items.iter().filter_map(block).collect() }
}

/// Thinking without a signature was cut off, or is another wire's: it cannot go back.
fn block<'a>(item: &'a Item<'_>) -> Option<Block<'a>> {
    Some(match item {
        Item::Text(text) => Block::text(&**text),
        Item::Thinking { text, signature } => Block::Thinking { thinking: text, signature: (*signature)? },
        Item::Redacted(data) => Block::RedactedThinking { data },
        Item::Opaque(json) => Block::Opaque(Object::of(json)),
        Item::Call { id, name, input, .. } => {
            Block::ToolUse { id, name, input: Object::of(input), cache_control: None }
        }
        Item::Result { id, output, is_error, pictures, .. } => {
            let content = answered(output, pictures);
            Block::ToolResult { tool_use_id: id, content, is_error: *is_error, cache_control: None }
        }
        Item::Image { media_type, data } => {
            Block::Image { source: Source::Base64 { media_type, data }, cache_control: None }
        }
        Item::Pdf { data, title } => {
            let source = Source::Base64 { media_type: "application/pdf", data };
            Block::Document { source, title: *title, cache_control: None }
        }
        Item::Document { text, title } => {
            let source = Source::Text { media_type: "text/plain", data: text };
            Block::Document { source, title: *title, cache_control: None }
        }
    })
}

fn answered<'a>(output: &'a str, pictures: &'a [Picture<'_>]) -> Output<'a> {
    if pictures.is_empty() {
        return Output::Text(output);
    }
    let picture = |picture: &'a Picture<'_>| Block::Image {
        source: Source::Base64 { media_type: picture.media_type, data: picture.data },
        cache_control: None,
    };
    Output::Blocks(std::iter::once(Block::text(output)).chain(pictures.iter().map(picture)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MessageId, SessionId};
    use crate::domain::message::{Message, MessageRole, MessageStatus, Part};
    use crate::llm::lessons::Lessons;

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
        Prompt { model: "m", system: None, messages, tools, max_tokens: Some(100), effort: None }
    }

    fn asked(prompt: &Prompt<'_>) -> Result<Vec<u8>, Fault> {
        body(
            prompt,
            &Form {
                origin: "p/m",
                lessons: &Lessons::default(),
                forget_thinking: 0,
                thinks: false,
                most_tokens: None,
                effort: None,
                context: (None, None),
            },
        )
    }

    fn sent(prompt: &Prompt<'_>) -> String {
        String::from_utf8(asked(prompt).expect("a body")).expect("UTF-8")
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
        assert_eq!(asked(&prompt(&blank, &[])).expect_err("nothing").error.code, "upstream_bad_request");
    }
}
