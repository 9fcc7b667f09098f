//! The shapes of a request, as they are written to the wire: all borrowed, so that a conversation is never copied.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

#[derive(serde::Serialize)]
pub(super) struct Body<'a> {
    pub model: &'a str,
    pub max_tokens: u32,
    pub stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<[Block<'a>; 1]>,
    pub messages: Vec<Turn<'a>>,
}

/// As much thinking as the question needs, with a summary: without it a long wait looks dead.
#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Adaptive { display: &'static str },
}

impl Thinking {
    pub(super) fn adaptive() -> Self {
        Self::Adaptive { display: "summarized" }
    }
}

#[derive(serde::Serialize)]
pub(super) struct OutputConfig<'a> {
    pub effort: &'a str,
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToolChoice {
    None,
}

#[derive(serde::Serialize)]
pub(super) struct Tool<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Cache,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
    System,
}

#[derive(serde::Serialize)]
pub(super) struct Turn<'a> {
    pub role: Role,
    pub content: Vec<Block<'a>>,
}

/// A breakpoint of the provider's prompt cache: everything up to and including this block may be kept.
pub(super) type Cache = Option<Ephemeral>;

#[derive(Clone, Copy, serde::Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub(super) struct Ephemeral {}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Cache,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Object<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Cache,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: Output<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Cache,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Cache,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Cache,
    },
    /// A block of a kind that we do not know, as it came.
    #[serde(untagged)]
    Opaque(Object<'a>),
}

/// What a tool has answered: a text, or a text and pictures.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'static str, data: &'a str },
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }

    /// Puts a cache breakpoint here, where the API accepts one.
    pub(super) fn mark(&mut self) {
        match self {
            Self::Text { cache_control, .. }
            | Self::ToolUse { cache_control, .. }
            | Self::ToolResult { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::Document { cache_control, .. } => *cache_control = Some(Ephemeral {}),
            Self::Thinking { .. } | Self::RedactedThinking { .. } | Self::Opaque(_) => {}
        }
    }
}

/// A JSON object that goes out byte for byte as it was kept; what is no object goes out as `{}`.
pub(super) struct Object<'a>(pub Option<&'a RawValue>);

/// A JSON schema likewise; what is no object allows any object.
pub(super) struct Schema<'a>(pub Object<'a>);

impl<'a> Object<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self(serde_json::from_str::<&RawValue>(json).ok().filter(|raw| raw.get().starts_with('{')))
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(raw) => raw.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

impl Serialize for Schema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.0 {
            Some(raw) => raw.serialize(serializer),
            None => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("type", "object")?;
                map.end()
            }
        }
    }
}
