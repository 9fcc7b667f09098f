//! Messages as they are kept, and as they go to a model and to a person.

use super::StopReason;
use super::attachment::Attachment;
use super::id::{MessageId, SessionId, TurnId};
use super::tool::{Extras, Resource, WorkFile};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRole {
    User,
    Assistant,
    Tool,
    Error,
    /// What changed of the instructions, for a model only: made when it is asked, never stored.
    System,
}

impl MessageRole {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Error => "error",
            Self::System => "system",
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

/// How far a stored message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStatus {
    /// Whole.
    Complete,
    /// A checkpoint of something that is still being written.
    Streaming,
    /// Stopped by a person, an error or a crash: what had come is here.
    Interrupted,
    /// Replaced by a later attempt; kept, but neither shown nor sent to a model.
    Superseded,
}

impl MessageStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Streaming => "streaming",
            Self::Interrupted => "interrupted",
            Self::Superseded => "superseded",
        }
    }

    pub fn from_text(text: &str) -> Self {
        match text {
            "streaming" => Self::Streaming,
            "interrupted" => Self::Interrupted,
            "superseded" => Self::Superseded,
            _ => Self::Complete,
        }
    }
}

/// One piece of a message's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    /// What a model thought; `signature` goes back to the provider verbatim.
    Thinking {
        text: String,
        signature: Option<String>,
    },
    /// Thinking that the provider encrypted: opaque, goes back verbatim.
    RedactedThinking {
        data: String,
    },
    /// What only the provider can read, as JSON: goes back to the same provider and model.
    Opaque {
        /// Kind, provider and model, as `kind:provider/model`.
        origin: String,
        data: String,
    },
    /// `input` is a JSON object, as text.
    ToolCall {
        id: String,
        name: String,
        input: String,
    },
    ToolResult {
        id: String,
        name: String,
        output: String,
        is_error: bool,
    },
    /// Base64 data, as taken over from 1.9.
    Image {
        media_type: String,
        data: String,
        name: Option<String>,
    },
    File {
        media_type: String,
        data: String,
        filename: Option<String>,
    },
    /// A file that is stored beside the conversation.
    Attachment(Attachment),
    /// What a tool has written, behind its result.
    WorkFile(WorkFile),
    /// What a tool has answered for programs, behind its result: JSON, as text.
    Structured(String),
    /// What a tool's result points to, behind it.
    Resource(Resource),
    /// Stable code, a sentence for people, and the way out where there is one.
    Error {
        code: String,
        message: String,
        hint: Option<String>,
        /// The model to choose instead of one that is not available.
        next_model: Option<String>,
    },
    /// The conversation no longer fits the model: it is sent the first question, and everything from this turn on.
    ContextTrimmed {
        from: TurnId,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub session_id: SessionId,
    pub turn_id: Option<TurnId>,
    pub role: MessageRole,
    pub parts: Vec<Part>,
    pub status: MessageStatus,
    /// The model that wrote it, where one did.
    pub model: Option<String>,
    pub usage: Option<Usage>,
    pub stop_reason: Option<StopReason>,
    pub client_message_id: Option<String>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// Tokens, as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that was neither read from nor written to the provider's cache.
    pub input: u64,
    pub cache_creation: u64,
    pub cache_read: u64,
    pub output: u64,
}

impl Usage {
    /// Everything that went in, cached or not.
    pub fn total_input(&self) -> u64 {
        self.input.saturating_add(self.cache_creation).saturating_add(self.cache_read)
    }

    pub fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_creation = self.cache_creation.saturating_add(other.cache_creation);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.output = self.output.saturating_add(other.output);
    }
}

impl Part {
    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Thinking { text, signature } => text.len() + signature.as_ref().map_or(0, String::len),
            Self::RedactedThinking { data }
            | Self::Opaque { data, .. }
            | Self::Image { data, .. }
            | Self::File { data, .. } => data.len(),
            Self::ToolCall { id, name, input } => id.len() + name.len() + input.len(),
            Self::ToolResult { id, name, output, .. } => id.len() + name.len() + output.len(),
            Self::Attachment(file) => file.id.as_str().len() + file.name.len(),
            Self::WorkFile(file) => file.path.len(),
            Self::Structured(json) => json.len(),
            Self::Resource(one) => one.uri.len() + one.name.len(),
            Self::ContextTrimmed { from } => from.as_str().len(),
            Self::Error { code, message, hint, next_model } => {
                let more = [hint, next_model].into_iter().flatten().map(String::len).sum::<usize>();
                code.len() + message.len() + more
            }
        }
    }
}

impl Extras {
    /// As they stand behind a result.
    pub fn into_parts(self) -> impl Iterator<Item = Part> {
        let Self { files, structured, resources } = self;
        let resources = resources.into_iter().map(Part::Resource);
        structured.map(Part::Structured).into_iter().chain(resources).chain(files.into_iter().map(Part::WorkFile))
    }

    /// Those of a result's message.
    pub fn of(parts: &[Part]) -> Self {
        let mut extras = Self::default();
        for part in parts {
            match part {
                Part::WorkFile(file) => extras.files.push(file.clone()),
                Part::Structured(json) => extras.structured = Some(json.clone()),
                Part::Resource(one) => extras.resources.push(one.clone()),
                _ => {}
            }
        }
        extras
    }
}
