//! How conversations, messages and events look on the wire.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::conversation::Conversation;
use crate::domain::event::{Context, Event, EventKind};
use crate::domain::message::{Message, MessageRole, Part, Usage};

/// A conversation: an image's record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordView<'a> {
    image_id: &'a str,
    container_id: &'a str,
    session_id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    system_prompt: Option<&'a str>,
    model: Option<&'a str>,
    created_at: i64,
    updated_at: i64,
    online: bool,
}

impl<'a> RecordView<'a> {
    pub(super) fn of(conversation: &'a Conversation, online: bool) -> Self {
        Self {
            image_id: conversation.id.as_str(),
            container_id: conversation.container_id.as_str(),
            session_id: conversation.session_id.as_str(),
            name: &conversation.name,
            description: conversation.description.as_deref(),
            system_prompt: conversation.system_prompt.as_deref(),
            model: conversation.model.as_deref(),
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            online,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageView<'a> {
    message_id: &'a str,
    /// The same again, under the name that Portagent 1.9 used.
    id: &'a str,
    session_id: &'a str,
    turn_id: Option<&'a str>,
    role: &'static str,
    subtype: &'static str,
    content: Vec<PartView<'a>>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_message_id: Option<&'a str>,
    timestamp: i64,
}

/// Renders a text as blocks of safe HTML.
pub(super) type Render<'r> = &'r dyn Fn(&str) -> Vec<String>;

impl<'a> MessageView<'a> {
    /// With `render`, the texts of a model come with their HTML.
    pub(super) fn of(message: &'a Message, render: Option<Render<'_>>) -> Self {
        let render = render.filter(|_| message.role == MessageRole::Assistant);
        Self {
            message_id: message.id.as_str(),
            id: message.id.as_str(),
            session_id: message.session_id.as_str(),
            turn_id: message.turn_id.as_ref().map(|id| id.as_str()),
            role: message.role.as_str(),
            subtype: if message.role == MessageRole::Tool { "tool-result" } else { message.role.as_str() },
            content: message.parts.iter().filter_map(|part| PartView::of(part, render)).collect(),
            status: message.status.as_str(),
            model: message.model.as_deref(),
            usage: message.usage.as_ref().map(UsageView::of),
            stop_reason: message.stop_reason.as_deref(),
            client_message_id: message.client_message_id.as_deref(),
            timestamp: message.timestamp,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum PartView<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        blocks: Option<Vec<String>>,
    },
    Thinking {
        text: &'a str,
    },
    ToolCall {
        tool_call_id: &'a str,
        tool_name: &'a str,
        input: Json<'a>,
    },
    ToolResult {
        tool_call_id: &'a str,
        tool_name: &'a str,
        result: &'a str,
        is_error: bool,
    },
    Image {
        data: &'a str,
        media_type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    File {
        data: &'a str,
        media_type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
    },
    Error {
        code: &'a str,
        message: &'a str,
    },
}

impl<'a> PartView<'a> {
    /// `None` for what only the provider can read.
    fn of(part: &'a Part, render: Option<Render<'_>>) -> Option<Self> {
        Some(match part {
            Part::Text(text) => Self::Text { text, blocks: render.map(|render| render(text)) },
            Part::Thinking { text, .. } => Self::Thinking { text },
            Part::RedactedThinking { .. } => return None,
            Part::ToolCall { id, name, input } => {
                Self::ToolCall { tool_call_id: id, tool_name: name, input: Json::of(input) }
            }
            Part::ToolResult { id, name, output, is_error } => {
                Self::ToolResult { tool_call_id: id, tool_name: name, result: output, is_error: *is_error }
            }
            Part::Image { media_type, data, name } => Self::Image { data, media_type, name: name.as_deref() },
            Part::File { media_type, data, filename } => Self::File { data, media_type, filename: filename.as_deref() },
            Part::Error { code, message } => Self::Error { code, message },
        })
    }
}

/// JSON that we hold as text; text that is none after all goes out as a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Raw(&'a RawValue),
    Text(&'a str),
}

impl<'a> Json<'a> {
    fn of(text: &'a str) -> Self {
        serde_json::from_str(text).map_or(Self::Text(text), Self::Raw)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageView {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
}

impl UsageView {
    fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cache_creation_input_tokens: usage.cache_creation,
            cache_read_input_tokens: usage.cache_read,
        }
    }
}

/// Appends the event's JSON.
pub(super) fn write_event(event: &Event, into: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Frame<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        seq: u64,
        timestamp: i64,
        data: EventView<'a>,
        context: ContextView<'a>,
    }
    let (kind, data) = EventView::of(&event.kind);
    let context = ContextView::of(&event.context);
    let frame = Frame { kind, seq: event.seq, timestamp: event.timestamp, data, context };
    if let Err(error) = serde_json::to_writer(into, &frame) {
        log::error!(target: "ws", "event {kind} cannot be written: {error}"); // a vector takes everything
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextView<'a> {
    container_id: &'a str,
    image_id: &'a str,
    session_id: &'a str,
    turn_id: &'a str,
}

impl<'a> ContextView<'a> {
    fn of(context: &'a Context) -> Self {
        Self {
            container_id: context.container_id.as_str(),
            image_id: context.conversation_id.as_str(),
            session_id: context.session_id.as_str(),
            turn_id: context.turn_id.as_str(),
        }
    }
}

#[derive(Serialize)]
struct HtmlView<'a> {
    from: usize,
    blocks: &'a [String],
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum EventView<'a> {
    Message(MessageView<'a>),
    Nothing {},
    MessageStart {
        message_id: &'a str,
        model: &'a str,
    },
    Text {
        message_id: &'a str,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        html: Option<HtmlView<'a>>,
    },
    ToolUseStart {
        tool_call_id: &'a str,
        tool_name: &'a str,
    },
    InputJson {
        tool_call_id: &'a str,
        partial_json: &'a str,
    },
    ToolUseStop {
        tool_call_id: &'a str,
        tool_name: &'a str,
        input: Json<'a>,
    },
    MessageStop {
        stop_reason: &'a str,
        usage: UsageView,
    },
    ToolResult {
        tool_call_id: &'a str,
        result: &'a str,
        is_error: bool,
    },
    Retry {
        attempt: u32,
        delay_ms: u64,
        reason: &'a str,
    },
    Error {
        code: &'a str,
        message: &'a str,
        recoverable: bool,
    },
    End {
        reason: &'static str,
        usage: UsageView,
    },
}

impl<'a> EventView<'a> {
    fn of(kind: &'a EventKind) -> (&'static str, Self) {
        match kind {
            EventKind::MessagePersisted(message) => {
                ("message_persisted", Self::Message(MessageView::of(message, None)))
            }
            EventKind::ConversationStart => ("conversation_start", Self::Nothing {}),
            EventKind::MessageStart { message_id, model } => {
                ("message_start", Self::MessageStart { message_id: message_id.as_str(), model })
            }
            EventKind::ThinkingDelta { message_id, text } => {
                ("thinking_delta", Self::Text { message_id: message_id.as_str(), text, html: None })
            }
            EventKind::TextDelta { message_id, text, html } => {
                let html = html.as_ref().map(|patch| HtmlView { from: patch.from, blocks: &patch.blocks });
                ("text_delta", Self::Text { message_id: message_id.as_str(), text, html })
            }
            EventKind::AssistantMessage(message) => {
                ("assistant_message", Self::Message(MessageView::of(message, None)))
            }
            EventKind::MessageStop { stop_reason, usage } => {
                ("message_stop", Self::MessageStop { stop_reason, usage: UsageView::of(usage) })
            }
            EventKind::UpstreamRetry { attempt, delay_ms, reason } => {
                ("upstream_retry", Self::Retry { attempt: *attempt, delay_ms: *delay_ms, reason })
            }
            EventKind::ErrorOccurred { code, message, recoverable } => {
                ("error_occurred", Self::Error { code, message, recoverable: *recoverable })
            }
            EventKind::ConversationEnd { reason, usage } => {
                ("conversation_end", Self::End { reason: reason.as_str(), usage: UsageView::of(usage) })
            }
            EventKind::ToolUseStart { .. }
            | EventKind::InputJsonDelta { .. }
            | EventKind::ToolUseStop { .. }
            | EventKind::ToolResult { .. } => Self::of_tool(kind),
        }
    }

    fn of_tool(kind: &'a EventKind) -> (&'static str, Self) {
        match kind {
            EventKind::ToolUseStart { tool_call_id, tool_name } => {
                ("tool_use_start", Self::ToolUseStart { tool_call_id, tool_name })
            }
            EventKind::InputJsonDelta { tool_call_id, partial_json } => {
                ("input_json_delta", Self::InputJson { tool_call_id, partial_json })
            }
            EventKind::ToolUseStop { tool_call_id, tool_name, input } => {
                ("tool_use_stop", Self::ToolUseStop { tool_call_id, tool_name, input: Json::of(input) })
            }
            EventKind::ToolResult { tool_call_id, result, is_error } => {
                ("tool_result", Self::ToolResult { tool_call_id, result, is_error: *is_error })
            }
            _ => ("unknown", Self::Nothing {}),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::event::{EndReason, HtmlPatch};
    use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId};
    use crate::domain::message::MessageStatus;

    const USAGE: Usage = Usage { input: 1, cache_creation: 2, cache_read: 3, output: 4 };
    const USAGE_JSON: &str =
        r#"{"inputTokens":1,"outputTokens":4,"cacheCreationInputTokens":2,"cacheReadInputTokens":3}"#;

    fn own(text: &str) -> String {
        text.to_owned()
    }

    fn message(role: MessageRole, parts: Vec<Part>) -> Message {
        Message {
            id: MessageId::from(own("msg_1")),
            session_id: SessionId::from(own("sess_1")),
            turn_id: None,
            role,
            parts,
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 7,
        }
    }

    fn check(kind: EventKind, name: &str, data: &str) {
        let context = Context {
            container_id: ContainerId::from(own("user-1")),
            conversation_id: ConversationId::from(own("img_1")),
            session_id: SessionId::from(own("sess_1")),
            turn_id: TurnId::from(own("turn_1")),
        };
        let event = Event { seq: 42, timestamp: 1_700_000_000_000, context: Arc::new(context), kind };
        let mut json = Vec::new();
        write_event(&event, &mut json);
        let expected = format!(
            r#"{{"type":"{name}","seq":42,"timestamp":1700000000000,"data":{data},"context":{{"containerId":"user-1","imageId":"img_1","sessionId":"sess_1","turnId":"turn_1"}}}}"#
        );
        assert_eq!(String::from_utf8(json).expect("text"), expected);
    }

    #[test]
    fn events_of_a_turn() {
        let message_id = MessageId::from(own("msg_1"));
        check(EventKind::ConversationStart, "conversation_start", "{}");
        check(
            EventKind::MessageStart { message_id: message_id.clone(), model: own("m") },
            "message_start",
            r#"{"messageId":"msg_1","model":"m"}"#,
        );
        check(
            EventKind::ThinkingDelta { message_id: message_id.clone(), text: own("hm") },
            "thinking_delta",
            r#"{"messageId":"msg_1","text":"hm"}"#,
        );
        check(
            EventKind::TextDelta { message_id: message_id.clone(), text: own("\"你\"\n"), html: None },
            "text_delta",
            r#"{"messageId":"msg_1","text":"\"你\"\n"}"#,
        );
        let html = Some(HtmlPatch { from: 2, blocks: vec![own("<p>a</p>")] });
        check(
            EventKind::TextDelta { message_id, text: own("a"), html },
            "text_delta",
            r#"{"messageId":"msg_1","text":"a","html":{"from":2,"blocks":["<p>a</p>"]}}"#,
        );
        check(
            EventKind::MessageStop { stop_reason: own("end_turn"), usage: USAGE },
            "message_stop",
            &format!(r#"{{"stopReason":"end_turn","usage":{USAGE_JSON}}}"#),
        );
        check(
            EventKind::UpstreamRetry { attempt: 2, delay_ms: 1500, reason: own("busy") },
            "upstream_retry",
            r#"{"attempt":2,"delayMs":1500,"reason":"busy"}"#,
        );
        check(
            EventKind::ErrorOccurred { code: own("c"), message: own("m"), recoverable: true },
            "error_occurred",
            r#"{"code":"c","message":"m","recoverable":true}"#,
        );
        check(
            EventKind::ConversationEnd { reason: EndReason::Limit, usage: USAGE },
            "conversation_end",
            &format!(r#"{{"reason":"limit","usage":{USAGE_JSON}}}"#),
        );
    }

    #[test]
    fn events_of_tools() {
        let (tool_call_id, tool_name) = (own("t1"), own("read"));
        check(
            EventKind::ToolUseStart { tool_call_id: tool_call_id.clone(), tool_name: tool_name.clone() },
            "tool_use_start",
            r#"{"toolCallId":"t1","toolName":"read"}"#,
        );
        check(
            EventKind::InputJsonDelta { tool_call_id: tool_call_id.clone(), partial_json: own("{\"a") },
            "input_json_delta",
            r#"{"toolCallId":"t1","partialJson":"{\"a"}"#,
        );
        let stop = |input: &str| EventKind::ToolUseStop {
            tool_call_id: tool_call_id.clone(),
            tool_name: tool_name.clone(),
            input: own(input),
        };
        check(
            stop(r#"{"a":[1.50]}"#),
            "tool_use_stop",
            r#"{"toolCallId":"t1","toolName":"read","input":{"a":[1.50]}}"#,
        );
        check(stop(r#"{"a"#), "tool_use_stop", r#"{"toolCallId":"t1","toolName":"read","input":"{\"a"}"#);
        check(
            EventKind::ToolResult { tool_call_id, result: own("ok"), is_error: false },
            "tool_result",
            r#"{"toolCallId":"t1","result":"ok","isError":false}"#,
        );
    }

    #[test]
    fn messages_in_events() {
        let mut user = message(MessageRole::User, vec![Part::Text(own("hi"))]);
        user.turn_id = Some(TurnId::from(own("turn_1")));
        user.client_message_id = Some(own("c1"));
        check(
            EventKind::MessagePersisted(user),
            "message_persisted",
            r#"{"messageId":"msg_1","id":"msg_1","sessionId":"sess_1","turnId":"turn_1","role":"user","subtype":"user","content":[{"type":"text","text":"hi"}],"status":"complete","clientMessageId":"c1","timestamp":7}"#,
        );
        let mut assistant = message(MessageRole::Assistant, vec![Part::Text(own("ho"))]);
        assistant.model = Some(own("m"));
        assistant.usage = Some(USAGE);
        assistant.stop_reason = Some(own("end_turn"));
        assistant.status = MessageStatus::Interrupted;
        let expected = format!(
            r#"{{"messageId":"msg_1","id":"msg_1","sessionId":"sess_1","turnId":null,"role":"assistant","subtype":"assistant","content":[{{"type":"text","text":"ho"}}],"status":"interrupted","model":"m","usage":{USAGE_JSON},"stopReason":"end_turn","timestamp":7}}"#
        );
        check(EventKind::AssistantMessage(assistant), "assistant_message", &expected);
    }

    #[test]
    fn parts_of_a_message() {
        let parts = vec![
            Part::Text(own("a")),
            Part::Thinking { text: own("hm"), signature: Some(own("secret")) },
            Part::RedactedThinking { data: own("secret") },
            Part::ToolCall { id: own("t1"), name: own("read"), input: own("{}") },
            Part::ToolResult { id: own("t1"), name: own("read"), output: own("x"), is_error: true },
            Part::Image { media_type: own("image/png"), data: own("AA=="), name: None },
            Part::File { media_type: own("text/plain"), data: own("AA=="), filename: Some(own("a.txt")) },
            Part::Error { code: own("c"), message: own("m") },
        ];
        let content = |role, render: Option<Render<'_>>| {
            let message = message(role, parts.clone());
            let view = serde_json::to_value(MessageView::of(&message, render)).expect("JSON");
            view["content"].as_array().expect("an array").clone()
        };
        let plain = serde_json::to_string(&content(MessageRole::Tool, None)).expect("JSON");
        let expected: serde_json::Value = serde_json::from_str(
            r#"[{"type":"text","text":"a"},{"type":"thinking","text":"hm"},
            {"type":"tool-call","toolCallId":"t1","toolName":"read","input":{}},
            {"type":"tool-result","toolCallId":"t1","toolName":"read","result":"x","isError":true},
            {"type":"image","data":"AA==","mediaType":"image/png"},
            {"type":"file","data":"AA==","mediaType":"text/plain","filename":"a.txt"},
            {"type":"error","code":"c","message":"m"}]"#,
        )
        .expect("JSON");
        assert_eq!(plain, expected.to_string());
        let render: Render<'_> = &|text| vec![format!("<p>{text}</p>")];
        assert_eq!(content(MessageRole::Assistant, Some(render))[0]["blocks"][0], "<p>a</p>");
        assert_eq!(content(MessageRole::User, Some(render))[0].get("blocks"), None);
    }

    #[test]
    fn a_conversation_is_a_record() {
        let conversation = Conversation {
            id: ConversationId::from(own("img_1")),
            container_id: ContainerId::from(own("user-1")),
            session_id: SessionId::from(own("sess_1")),
            name: own("n"),
            description: None,
            system_prompt: Some(own("s")),
            model: None,
            created_at: 1,
            updated_at: 2,
        };
        assert_eq!(
            serde_json::to_string(&RecordView::of(&conversation, true)).expect("JSON"),
            r#"{"imageId":"img_1","containerId":"user-1","sessionId":"sess_1","name":"n","description":null,"systemPrompt":"s","model":null,"createdAt":1,"updatedAt":2,"online":true}"#
        );
    }
}
