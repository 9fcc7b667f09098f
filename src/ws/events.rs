//! How events look on the wire.

use serde::Serialize;

use super::view::{ApprovalView, Json, MessageView, ResourceView, UsageView, WorkFileView};
use crate::domain::budget::BudgetState;
use crate::domain::event::{Context, Event, EventKind};
use crate::domain::id::TurnId;

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
    Branch {
        parent_turn_id: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_new: bool,
    },
    Start {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        continues: bool,
    },
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
    Approval(ApprovalView<'a>),
    ApprovalAnswered {
        approval_id: &'a str,
        tool_call_id: &'a str,
        decision: &'static str,
    },
    ToolsChanged {
        added: &'a [String],
        removed: &'a [String],
    },
    ToolProgress {
        tool_call_id: &'a str,
        done: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    ToolResult {
        tool_call_id: &'a str,
        result: &'a str,
        is_error: bool,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        files: Vec<WorkFileView<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        structured: Option<Json<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        resources: Vec<ResourceView<'a>>,
    },
    Trimmed {
        from_turn_id: &'a str,
    },
    Budget {
        measure: &'static str,
        limit: u64,
        used: u64,
        percent: u64,
        period: &'static str,
        renews_at: i64,
    },
    Retry {
        attempt: u32,
        delay_ms: u64,
        reason: &'a str,
    },
    Error {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_model: Option<&'a str>,
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
            EventKind::MessagePersisted { message, siblings } => {
                ("message_persisted", Self::Message(MessageView::of(message, None).with_siblings(siblings)))
            }
            EventKind::BranchSelected { parent, is_new } => (
                "branch_selected",
                Self::Branch { parent_turn_id: parent.as_ref().map(TurnId::as_str), is_new: *is_new },
            ),
            EventKind::TurnTakenBack => ("turn_taken_back", Self::Nothing {}),
            EventKind::ConversationStart { continues } => ("conversation_start", Self::Start { continues: *continues }),
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
                ("message_stop", Self::MessageStop { stop_reason: stop_reason.as_str(), usage: UsageView::of(usage) })
            }
            EventKind::ContextTrimmed { from } => ("context_trimmed", Self::Trimmed { from_turn_id: from.as_str() }),
            EventKind::BudgetNotice(state) => ("budget_notice", Self::budget(state)),
            EventKind::UpstreamRetry { attempt, delay_ms, reason } => {
                ("upstream_retry", Self::Retry { attempt: *attempt, delay_ms: *delay_ms, reason })
            }
            EventKind::ErrorOccurred { code, message, hint, next_model, recoverable } => {
                let (hint, next_model) = (hint.as_deref(), next_model.as_deref());
                ("error_occurred", Self::Error { code, message, hint, next_model, recoverable: *recoverable })
            }
            EventKind::ConversationEnd { reason, usage } => {
                ("conversation_end", Self::End { reason: reason.as_str(), usage: UsageView::of(usage) })
            }
            EventKind::ToolUseStart { .. }
            | EventKind::InputJsonDelta { .. }
            | EventKind::ToolUseStop { .. }
            | EventKind::ToolApprovalRequest(_)
            | EventKind::ToolApprovalAnswered { .. }
            | EventKind::ToolsChanged { .. }
            | EventKind::ToolProgress { .. }
            | EventKind::ToolResult { .. } => Self::of_tool(kind),
        }
    }

    fn budget(state: &BudgetState) -> Self {
        Self::Budget {
            measure: state.budget.measure.as_str(),
            limit: state.budget.limit,
            used: state.used,
            percent: state.percent(),
            period: state.budget.period.as_str(),
            renews_at: state.renews_at,
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
            EventKind::ToolApprovalRequest(question) => {
                ("tool_approval_request", Self::Approval(ApprovalView::of(question)))
            }
            EventKind::ToolApprovalAnswered { approval_id, tool_call_id, decision } => {
                let decision = decision.as_str();
                ("tool_approval_answered", Self::ApprovalAnswered { approval_id, tool_call_id, decision })
            }
            EventKind::ToolsChanged { added, removed } => ("tools_changed", Self::ToolsChanged { added, removed }),
            EventKind::ToolProgress { tool_call_id, done, total, message } => {
                let (done, total, message) = (*done, *total, message.as_deref());
                ("tool_progress", Self::ToolProgress { tool_call_id, done, total, message })
            }
            EventKind::ToolResult { tool_call_id, result, is_error, extras } => {
                let files = extras.files.iter().map(WorkFileView::of).collect();
                let structured = extras.structured.as_deref().map(Json::of);
                let resources = extras.resources.iter().map(ResourceView::of).collect();
                let is_error = *is_error;
                ("tool_result", Self::ToolResult { tool_call_id, result, is_error, files, structured, resources })
            }
            _ => ("unknown", Self::Nothing {}),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::view::tests::message;
    use super::*;
    use crate::domain::StopReason;
    use crate::domain::event::{EndReason, HtmlPatch};
    use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId};
    use crate::domain::media::Media;
    use crate::domain::message::{MessageRole, MessageStatus, Part, Usage};
    use crate::domain::tool::{Extras, Resource, WorkFile};

    const USAGE: Usage = Usage { input: 1, cache_creation: 2, cache_read: 3, output: 4 };
    const USAGE_JSON: &str =
        r#"{"inputTokens":1,"outputTokens":4,"cacheCreationInputTokens":2,"cacheReadInputTokens":3}"#;

    fn own(text: &str) -> String {
        text.to_owned()
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
        check(EventKind::ConversationStart { continues: false }, "conversation_start", "{}");
        check(EventKind::ConversationStart { continues: true }, "conversation_start", r#"{"continues":true}"#);
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
            EventKind::MessageStop { stop_reason: StopReason::EndTurn, usage: USAGE },
            "message_stop",
            &format!(r#"{{"stopReason":"end_turn","usage":{USAGE_JSON}}}"#),
        );
        check(
            EventKind::ContextTrimmed { from: TurnId::from(own("turn_0")) },
            "context_trimmed",
            r#"{"fromTurnId":"turn_0"}"#,
        );
        check(
            EventKind::UpstreamRetry { attempt: 2, delay_ms: 1500, reason: own("busy") },
            "upstream_retry",
            r#"{"attempt":2,"delayMs":1500,"reason":"busy"}"#,
        );
        check(
            EventKind::ErrorOccurred {
                code: own("c"),
                message: own("m"),
                hint: None,
                next_model: None,
                recoverable: true,
            },
            "error_occurred",
            r#"{"code":"c","message":"m","recoverable":true}"#,
        );
        check(
            EventKind::ErrorOccurred {
                code: own("c"),
                message: own("m"),
                hint: Some(own("h")),
                next_model: Some(own("p/n")),
                recoverable: false,
            },
            "error_occurred",
            r#"{"code":"c","message":"m","hint":"h","nextModel":"p/n","recoverable":false}"#,
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
        let progress =
            |total, message| EventKind::ToolProgress { tool_call_id: tool_call_id.clone(), done: 1.0, total, message };
        check(progress(None, None), "tool_progress", r#"{"toolCallId":"t1","done":1.0}"#);
        let whole = r#"{"toolCallId":"t1","done":1.0,"total":2.5,"message":"half"}"#;
        check(progress(Some(2.5), Some(own("half"))), "tool_progress", whole);
        check(
            EventKind::ToolResult {
                tool_call_id: own("t1"),
                result: own("ok"),
                is_error: false,
                extras: Extras::default(),
            },
            "tool_result",
            r#"{"toolCallId":"t1","result":"ok","isError":false}"#,
        );
        let extras = Extras {
            files: vec![WorkFile { path: own("a.txt"), media: Media::Text, size: 3 }],
            structured: Some(own(r#"{"n":1.50}"#)),
            resources: vec![Resource { uri: own("file:///a"), name: own("a"), media_type: Some(own("text/x")) }],
        };
        check(
            EventKind::ToolResult { tool_call_id, result: own("ok"), is_error: false, extras },
            "tool_result",
            r#"{"toolCallId":"t1","result":"ok","isError":false,"files":[{"path":"a.txt","mediaType":"text/plain","size":3}],"structured":{"n":1.50},"resources":[{"uri":"file:///a","name":"a","mediaType":"text/x"}]}"#,
        );
    }

    #[test]
    fn messages_in_events() {
        let mut user = message(MessageRole::User, vec![Part::Text(own("hi"))]);
        user.turn_id = Some(TurnId::from(own("turn_1")));
        user.client_message_id = Some(own("c1"));
        check(
            EventKind::MessagePersisted { message: Box::new(user), siblings: Vec::new() },
            "message_persisted",
            r#"{"messageId":"msg_1","id":"msg_1","sessionId":"sess_1","turnId":"turn_1","role":"user","subtype":"user","content":[{"type":"text","text":"hi"}],"status":"complete","clientMessageId":"c1","timestamp":7}"#,
        );
        let mut assistant = message(MessageRole::Assistant, vec![Part::Text(own("ho"))]);
        assistant.model = Some(own("m"));
        assistant.usage = Some(USAGE);
        assistant.stop_reason = Some(StopReason::EndTurn);
        assistant.status = MessageStatus::Interrupted;
        let expected = format!(
            r#"{{"messageId":"msg_1","id":"msg_1","sessionId":"sess_1","turnId":null,"role":"assistant","subtype":"assistant","content":[{{"type":"text","text":"ho"}}],"status":"interrupted","model":"m","usage":{USAGE_JSON},"stopReason":"end_turn","timestamp":7}}"#
        );
        check(EventKind::AssistantMessage(Box::new(assistant)), "assistant_message", &expected);
    }
}
