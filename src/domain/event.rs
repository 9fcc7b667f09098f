//! The events of a turn.

use std::sync::Arc;

use super::StopReason;
use super::budget::BudgetState;
use super::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId};
use super::message::{Message, Usage};
use super::tool::{Decision, Extras, Question};

/// Where an event happened. Shared by all events of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub container_id: ContainerId,
    pub conversation_id: ConversationId,
    pub session_id: SessionId,
    pub turn_id: TurnId,
}

#[derive(Debug)]
pub struct Event {
    /// Counts per session, without gaps, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub context: Arc<Context>,
    pub kind: EventKind,
}

#[derive(Debug, Clone)]
pub enum EventKind {
    /// Another branch is shown from now on: the context's turn stands in it, behind `parent` nothing of before is left.
    /// `is_new`: the turn was made just now and stands right behind `parent`; otherwise the messages have to be read again.
    BranchSelected {
        parent: Option<TurnId>,
        is_new: bool,
    },
    /// The person's message is safely stored. `siblings`: the versions of this question, where there are several.
    MessagePersisted {
        message: Box<Message>,
        siblings: Vec<TurnId>,
    },
    /// The turn waited, and its question was taken back: both are gone.
    TurnTakenBack,
    /// `continues`: what the turn has written before stays; otherwise it is superseded.
    ConversationStart {
        continues: bool,
    },
    /// The model begins a message.
    MessageStart {
        message_id: MessageId,
        model: String,
    },
    ThinkingDelta {
        message_id: MessageId,
        text: String,
    },
    TextDelta {
        message_id: MessageId,
        text: String,
        html: Option<HtmlPatch>,
    },
    ToolUseStart {
        tool_call_id: String,
        tool_name: String,
    },
    InputJsonDelta {
        tool_call_id: String,
        partial_json: String,
    },
    /// `input` is JSON, as text.
    ToolUseStop {
        tool_call_id: String,
        tool_name: String,
        input: String,
    },
    MessageStop {
        stop_reason: StopReason,
        usage: Usage,
    },
    AssistantMessage(Box<Message>),
    /// A call waits for the person's consent.
    ToolApprovalRequest(Box<Question>),
    /// It was answered, in some tab, or declined because no one did.
    ToolApprovalAnswered {
        approval_id: String,
        tool_call_id: String,
        decision: Decision,
    },
    /// Models are told of other tools from this turn on.
    ToolsChanged {
        added: Vec<String>,
        removed: Vec<String>,
    },
    /// How far a tool is that runs. Not stored.
    ToolProgress {
        tool_call_id: String,
        done: f64,
        total: Option<f64>,
        message: Option<String>,
    },
    ToolResult {
        tool_call_id: String,
        result: String,
        is_error: bool,
        extras: Extras,
    },
    /// The conversation no longer fits the model, see `Part::ContextTrimmed`.
    ContextTrimmed {
        from: TurnId,
    },
    /// Most of the person's budget is used, or all of it. Once for each period.
    BudgetNotice(BudgetState),
    /// The provider is busy or was not reached: we wait and try again. `reason` is safe to show.
    UpstreamRetry {
        attempt: u32,
        delay_ms: u64,
        reason: String,
    },
    ErrorOccurred {
        code: String,
        message: String,
        hint: Option<String>,
        next_model: Option<String>,
        recoverable: bool,
    },
    ConversationEnd {
        reason: EndReason,
        usage: Usage,
    },
}

/// A change to the rendered text of the message that is being written: the blocks from number `from` on (counted
/// from 0 over the message's text) are replaced by `blocks`, safe HTML each.
#[derive(Debug, Clone, PartialEq)]
pub struct HtmlPatch {
    pub from: usize,
    pub blocks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    Completed,
    Interrupted,
    Error,
    /// A limit of ours: too many rounds of tools, or the model's own length limit.
    Limit,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
            Self::Limit => "limit",
        }
    }
}

impl Event {
    /// About how many bytes it keeps in memory.
    pub fn weight(&self) -> usize {
        const FIXED: usize = 224; // the struct, its Arc, its place in a ring, and what the allocator adds
        FIXED
            + match &self.kind {
                EventKind::MessagePersisted { message, siblings } => {
                    let ids: usize = siblings.iter().map(|id| id.as_str().len()).sum();
                    ids + message.parts.iter().map(super::message::Part::weight).sum::<usize>()
                }
                EventKind::AssistantMessage(message) => message.parts.iter().map(super::message::Part::weight).sum(),
                EventKind::ThinkingDelta { text, .. } => text.len(),
                EventKind::TextDelta { text, html, .. } => {
                    text.len() + html.as_ref().map_or(0, |patch| patch.blocks.iter().map(String::len).sum())
                }
                EventKind::MessageStart { model, .. } => model.len(),
                EventKind::ToolUseStart { tool_call_id, tool_name } => tool_call_id.len() + tool_name.len(),
                EventKind::InputJsonDelta { tool_call_id, partial_json } => tool_call_id.len() + partial_json.len(),
                EventKind::ToolUseStop { tool_call_id, tool_name, input } => {
                    tool_call_id.len() + tool_name.len() + input.len()
                }
                EventKind::ToolApprovalRequest(question) => question.input.len() + question.tool_name.len() + 128,
                EventKind::ToolsChanged { added, removed } => added.iter().chain(removed).map(String::len).sum(),
                EventKind::ToolProgress { tool_call_id, message, .. } => {
                    tool_call_id.len() + message.as_ref().map_or(0, String::len)
                }
                EventKind::ToolResult { tool_call_id, result, extras, .. } => {
                    tool_call_id.len() + result.len() + extras.weight()
                }
                EventKind::UpstreamRetry { reason, .. } => reason.len(),
                EventKind::ErrorOccurred { message, .. } => message.len(),
                _ => 0,
            }
    }
}
