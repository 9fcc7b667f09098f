//! How a message's parts are written into the `content` column: JSON that a person can read with `sqlite3`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::attachment::Attachment;
use crate::domain::id::{FileId, TurnId};
use crate::domain::media::Media;
use crate::domain::message::{Part, Usage};
use crate::domain::tool::{Resource, WorkFile};
use crate::domain::{Error, Result};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Stored<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Thinking {
        text: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Cow<'a, str>>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    Opaque {
        origin: Cow<'a, str>,
        data: Cow<'a, str>,
    },
    ToolCall {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Cow<'a, str>,
    },
    ToolResult {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        output: Cow<'a, str>,
        is_error: bool,
    },
    Image {
        media_type: Cow<'a, str>,
        data: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
    },
    File {
        media_type: Cow<'a, str>,
        data: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<Cow<'a, str>>,
    },
    Attachment {
        file_id: Cow<'a, str>,
        media_type: Cow<'a, str>,
        name: Cow<'a, str>,
        size: u64,
    },
    WorkFile {
        path: Cow<'a, str>,
        media_type: Cow<'a, str>,
        size: u64,
    },
    Structured {
        content: Value,
    },
    Resource {
        uri: Cow<'a, str>,
        name: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<Cow<'a, str>>,
    },
    Error {
        code: Cow<'a, str>,
        message: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_model: Option<Cow<'a, str>>,
    },
    ContextTrimmed {
        from: Cow<'a, str>,
    },
}

pub fn write(parts: &[Part]) -> Result<String> {
    let stored: Vec<Stored<'_>> = parts.iter().map(Stored::from).collect();
    serde_json::to_string(&stored).map_err(Error::internal)
}

/// What cannot be read (mended by hand, say) comes back as a part that says so, rather than hiding the message.
pub fn read(json: &str) -> Vec<Part> {
    match serde_json::from_str::<Vec<Stored<'_>>>(json) {
        Ok(stored) => stored.into_iter().map(Part::from).collect(),
        Err(_) => vec![Part::Error {
            code: "unreadable_content".to_owned(),
            message: "The stored content of this message cannot be read".to_owned(),
            hint: None,
            next_model: None,
        }],
    }
}

/// One part; `None` for what is none.
pub fn read_part(json: &str) -> Option<Part> {
    serde_json::from_str::<Stored<'_>>(json).ok().map(Part::from)
}

/// Whether `read` gives back what was written.
pub fn is_readable(json: &str) -> bool {
    serde_json::from_str::<Vec<Stored<'_>>>(json).is_ok()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct StoredUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

pub fn write_usage(usage: &Usage) -> Result<String> {
    serde_json::to_string(&StoredUsage {
        input_tokens: usage.input,
        cache_creation_input_tokens: usage.cache_creation,
        cache_read_input_tokens: usage.cache_read,
        output_tokens: usage.output,
    })
    .map_err(Error::internal)
}

pub fn read_usage(json: &str) -> Option<Usage> {
    let stored: StoredUsage = serde_json::from_str(json).ok()?;
    Some(Usage {
        input: stored.input_tokens,
        cache_creation: stored.cache_creation_input_tokens,
        cache_read: stored.cache_read_input_tokens,
        output: stored.output_tokens,
    })
}

impl<'a> From<&'a Part> for Stored<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text: text.into() },
            Part::Thinking { text, signature } => {
                Self::Thinking { text: text.into(), signature: signature.as_deref().map(Cow::from) }
            }
            Part::RedactedThinking { data } => Self::RedactedThinking { data: data.into() },
            Part::Opaque { origin, data } => Self::Opaque { origin: origin.into(), data: data.into() },
            Part::ToolCall { id, name, input } => {
                Self::ToolCall { id: id.into(), name: name.into(), input: input.into() }
            }
            Part::ToolResult { id, name, output, is_error } => {
                Self::ToolResult { id: id.into(), name: name.into(), output: output.into(), is_error: *is_error }
            }
            Part::Image { media_type, data, name } => {
                Self::Image { media_type: media_type.into(), data: data.into(), name: name.as_deref().map(Cow::from) }
            }
            Part::File { media_type, data, filename } => Self::File {
                media_type: media_type.into(),
                data: data.into(),
                filename: filename.as_deref().map(Cow::from),
            },
            Part::Attachment(file) => Self::Attachment {
                file_id: file.id.as_str().into(),
                media_type: file.media.as_str().into(),
                name: file.name.as_str().into(),
                size: file.size,
            },
            Part::WorkFile(file) => Self::WorkFile {
                path: file.path.as_str().into(),
                media_type: file.media.as_str().into(),
                size: file.size,
            },
            // What was JSON is stored as such, so that `json_extract` finds what is in it.
            Part::Structured(json) => {
                Self::Structured { content: serde_json::from_str(json).unwrap_or_else(|_| json.as_str().into()) }
            }
            Part::Resource(Resource { uri, name, media_type }) => {
                Self::Resource { uri: uri.into(), name: name.into(), media_type: media_type.as_deref().map(Cow::from) }
            }
            Part::Error { code, message, hint, next_model } => Self::Error {
                code: code.into(),
                message: message.into(),
                hint: hint.as_deref().map(Cow::from),
                next_model: next_model.as_deref().map(Cow::from),
            },
            Part::ContextTrimmed { from } => Self::ContextTrimmed { from: from.as_str().into() },
        }
    }
}

impl From<Stored<'_>> for Part {
    fn from(stored: Stored<'_>) -> Self {
        match stored {
            Stored::Text { text } => Self::Text(text.into_owned()),
            Stored::Thinking { text, signature } => {
                Self::Thinking { text: text.into_owned(), signature: signature.map(Cow::into_owned) }
            }
            Stored::RedactedThinking { data } => Self::RedactedThinking { data: data.into_owned() },
            Stored::Opaque { origin, data } => Self::Opaque { origin: origin.into_owned(), data: data.into_owned() },
            Stored::ToolCall { id, name, input } => {
                Self::ToolCall { id: id.into_owned(), name: name.into_owned(), input: input.into_owned() }
            }
            Stored::ToolResult { id, name, output, is_error } => {
                Self::ToolResult { id: id.into_owned(), name: name.into_owned(), output: output.into_owned(), is_error }
            }
            Stored::Image { media_type, data, name } => Self::Image {
                media_type: media_type.into_owned(),
                data: data.into_owned(),
                name: name.map(Cow::into_owned),
            },
            Stored::File { media_type, data, filename } => Self::File {
                media_type: media_type.into_owned(),
                data: data.into_owned(),
                filename: filename.map(Cow::into_owned),
            },
            Stored::Attachment { file_id, media_type, name, size } => Self::Attachment(Attachment {
                id: FileId::from(file_id.into_owned()),
                media: Media::from_text(&media_type),
                name: name.into_owned(),
                size,
            }),
            Stored::WorkFile { path, media_type, size } => {
                Self::WorkFile(WorkFile { path: path.into_owned(), media: Media::from_text(&media_type), size })
            }
            Stored::Structured { content } => Self::Structured(content.to_string()),
            Stored::Resource { uri, name, media_type } => Self::Resource(Resource {
                uri: uri.into_owned(),
                name: name.into_owned(),
                media_type: media_type.map(Cow::into_owned),
            }),
            Stored::ContextTrimmed { from } => Self::ContextTrimmed { from: TurnId::from(from.into_owned()) },
            Stored::Error { code, message, hint, next_model } => Self::Error {
                code: code.into_owned(),
                message: message.into_owned(),
                hint: hint.map(Cow::into_owned),
                next_model: next_model.map(Cow::into_owned),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_back_as_it_was() {
        let text = || "引号 \" and \n".to_owned();
        let parts = vec![
            Part::Text(text()),
            Part::Thinking { text: text(), signature: Some("c2ln".to_owned()) },
            Part::Thinking { text: text(), signature: None },
            Part::RedactedThinking { data: text() },
            Part::Opaque { origin: text(), data: text() },
            Part::ToolCall { id: text(), name: text(), input: "{}".to_owned() },
            Part::ToolResult { id: text(), name: text(), output: text(), is_error: true },
            Part::Image { media_type: text(), data: text(), name: None },
            Part::File { media_type: text(), data: text(), filename: Some(text()) },
            Part::Attachment(Attachment { id: FileId::from(text()), name: text(), media: Media::Pdf, size: 7 }),
            Part::WorkFile(WorkFile { path: text(), media: Media::Png, size: 8 }),
            Part::Structured(r#"{"a":[1,{"b":null}]}"#.to_owned()),
            Part::Resource(Resource { uri: text(), name: text(), media_type: Some(text()) }),
            Part::Resource(Resource { uri: text(), name: text(), media_type: None }),
            Part::Error { code: text(), message: text(), hint: None, next_model: None },
            Part::Error { code: text(), message: text(), hint: Some(text()), next_model: Some(text()) },
            Part::ContextTrimmed { from: TurnId::from(text()) },
        ];
        assert_eq!(read(&write(&parts).expect("writes")), parts);
    }

    #[test]
    fn content_that_was_mended_badly_is_named() {
        assert!(matches!(read("nonsense").as_slice(), [Part::Error { code, .. }] if code == "unreadable_content"));
    }
}
