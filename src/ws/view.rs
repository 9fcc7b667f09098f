//! How conversations and messages look on the wire.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::StopReason;
use crate::domain::attachment::Attachment;
use crate::domain::conversation::Conversation;
use crate::domain::id::TurnId;
use crate::domain::limits::REPLY_BYTES;
use crate::domain::message::{Message, MessageRole, Part, Usage};
use crate::domain::tool::{Question, Resource, WorkFile};

/// A conversation: an image's record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordView<'a> {
    image_id: &'a str,
    container_id: &'a str,
    session_id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    /// Not in lists: it may be long, and there are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt: Option<Option<&'a str>>,
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    created_at: i64,
    updated_at: i64,
    online: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
    /// Not in lists. `null`: the administrator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Option<Vec<String>>>,
}

/// A call that waits for consent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApprovalView<'a> {
    approval_id: &'a str,
    tool_call_id: &'a str,
    tool_name: &'a str,
    server: Option<&'a str>,
    input: Json<'a>,
    expires_at: i64,
}

impl<'a> ApprovalView<'a> {
    pub(super) fn of(question: &'a Question) -> Self {
        Self {
            approval_id: &question.id,
            tool_call_id: &question.tool_call_id,
            tool_name: &question.tool_name,
            server: question.server.as_deref(),
            input: Json::of(&question.input),
            expires_at: question.expires_at,
        }
    }
}

impl<'a> RecordView<'a> {
    pub(super) fn of(conversation: &'a Conversation, online: bool) -> Self {
        Self {
            image_id: conversation.id.as_str(),
            container_id: conversation.container_id.as_str(),
            session_id: conversation.session_id.as_str(),
            name: &conversation.name,
            description: conversation.description.as_deref(),
            system_prompt: Some(conversation.system_prompt.as_deref()),
            model: conversation.model.as_deref(),
            effort: conversation.effort.as_deref(),
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            online,
            pinned: conversation.is_pinned,
            archived: conversation.is_archived,
            tools: None,
        }
    }

    pub(super) fn with_tools(self, tools: Option<Vec<String>>) -> Self {
        Self { tools: Some(tools), ..self }
    }
}

impl<'a> RecordView<'a> {
    pub(super) fn in_list(self) -> Self {
        Self { system_prompt: None, ..self }
    }
}

/// As many entries, written already, as fit into an answer: the first always, and whether some were left out.
pub(super) fn fitting<T: Serialize>(entries: impl Iterator<Item = T>) -> (Vec<Box<RawValue>>, bool) {
    let (mut fitting, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        let Ok(entry) = serde_json::value::to_raw_value(&entry) else { continue };
        bytes += entry.get().len() + 1;
        if bytes > REPLY_BYTES && !fitting.is_empty() {
            return (fitting, true);
        }
        fitting.push(entry);
    }
    (fitting, false)
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
    /// The turns with the versions of its question, where there are several.
    #[serde(skip_serializing_if = "<[TurnId]>::is_empty", serialize_with = "ids")]
    siblings: &'a [TurnId],
}

fn ids<S: serde::Serializer>(ids: &[TurnId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(TurnId::as_str))
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
            stop_reason: message.stop_reason.as_ref().map(StopReason::as_str),
            client_message_id: message.client_message_id.as_deref(),
            timestamp: message.timestamp,
            siblings: &[],
        }
    }

    pub(super) fn with_siblings(self, siblings: &'a [TurnId]) -> Self {
        Self { siblings, ..self }
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
    #[serde(rename = "image")]
    Picture(FileView<'a>),
    #[serde(rename = "file")]
    Attachment(FileView<'a>),
    WorkFile(WorkFileView<'a>),
    Structured {
        content: Json<'a>,
    },
    Resource(ResourceView<'a>),
    Error {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_model: Option<&'a str>,
    },
    ContextTrimmed {
        from_turn_id: &'a str,
    },
}

/// A file in the conversation's work directory, fetched by its path.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkFileView<'a> {
    path: &'a str,
    media_type: &'a str,
    size: u64,
}

impl<'a> WorkFileView<'a> {
    pub(super) fn of(file: &'a WorkFile) -> Self {
        Self { path: &file.path, media_type: file.media.as_str(), size: file.size }
    }
}

/// What a tool's result points to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceView<'a> {
    uri: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
}

impl<'a> ResourceView<'a> {
    pub(super) fn of(resource: &'a Resource) -> Self {
        Self { uri: &resource.uri, name: &resource.name, media_type: resource.media_type.as_deref() }
    }
}

/// A file that is fetched by its id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileView<'a> {
    file_id: &'a str,
    media_type: &'a str,
    name: &'a str,
    size: u64,
}

impl<'a> FileView<'a> {
    fn of(file: &'a Attachment) -> Self {
        Self { file_id: file.id.as_str(), media_type: file.media.as_str(), name: &file.name, size: file.size }
    }
}

impl<'a> PartView<'a> {
    /// `None` for what only the provider can read.
    fn of(part: &'a Part, render: Option<Render<'_>>) -> Option<Self> {
        Some(match part {
            Part::Text(text) => Self::Text { text, blocks: render.map(|render| render(text)) },
            Part::Thinking { text, .. } => Self::Thinking { text },
            Part::RedactedThinking { .. } | Part::Opaque { .. } => return None,
            Part::ToolCall { id, name, input } => {
                Self::ToolCall { tool_call_id: id, tool_name: name, input: Json::of(input) }
            }
            Part::ToolResult { id, name, output, is_error } => {
                Self::ToolResult { tool_call_id: id, tool_name: name, result: output, is_error: *is_error }
            }
            Part::Image { media_type, data, name } => Self::Image { data, media_type, name: name.as_deref() },
            Part::File { media_type, data, filename } => Self::File { data, media_type, filename: filename.as_deref() },
            Part::Attachment(file) if file.media.is_picture() => Self::Picture(FileView::of(file)),
            Part::Attachment(file) => Self::Attachment(FileView::of(file)),
            Part::WorkFile(file) => Self::WorkFile(WorkFileView::of(file)),
            Part::Structured(json) => Self::Structured { content: Json::of(json) },
            Part::Resource(one) => Self::Resource(ResourceView::of(one)),
            Part::Error { code, message, hint, next_model } => {
                Self::Error { code, message, hint: hint.as_deref(), next_model: next_model.as_deref() }
            }
            Part::ContextTrimmed { from } => Self::ContextTrimmed { from_turn_id: from.as_str() },
        })
    }
}

/// JSON that we hold as text; text that is none after all goes out as a string.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Json<'a> {
    Raw(&'a RawValue),
    Text(&'a str),
}

impl<'a> Json<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        serde_json::from_str(text).map_or(Self::Text(text), Self::Raw)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageView {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
}

impl UsageView {
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cache_creation_input_tokens: usage.cache_creation,
            cache_read_input_tokens: usage.cache_read,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::id::{ContainerId, ConversationId, FileId, MessageId, SessionId};
    use crate::domain::media::Media;
    use crate::domain::message::MessageStatus;

    fn own(text: &str) -> String {
        text.to_owned()
    }

    /// Also for the tests of events.
    pub(in crate::ws) fn message(role: MessageRole, parts: Vec<Part>) -> Message {
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
            Part::Attachment(Attachment { id: FileId::from(own("f1")), name: own("a"), media: Media::Gif, size: 3 }),
            Part::Attachment(Attachment { id: FileId::from(own("f2")), name: own("b"), media: Media::Pdf, size: 4 }),
            Part::WorkFile(WorkFile { path: own("a/b.txt"), media: Media::Text, size: 5 }),
            Part::Structured(own(r#"{"n":[1]}"#)),
            Part::Resource(Resource { uri: own("https://a.example/x"), name: own("x"), media_type: None }),
            Part::Error { code: own("c"), message: own("m"), hint: Some(own("h")), next_model: Some(own("p/n")) },
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
            {"type":"image","fileId":"f1","mediaType":"image/gif","name":"a","size":3},
            {"type":"file","fileId":"f2","mediaType":"application/pdf","name":"b","size":4},
            {"type":"work-file","path":"a/b.txt","mediaType":"text/plain","size":5},
            {"type":"structured","content":{"n":[1]}},
            {"type":"resource","uri":"https://a.example/x","name":"x"},
            {"type":"error","code":"c","message":"m","hint":"h","nextModel":"p/n"}]"#,
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
            effort: None,
            is_pinned: false,
            is_archived: false,
            created_at: 1,
            updated_at: 2,
        };
        assert_eq!(
            serde_json::to_string(&RecordView::of(&conversation, true)).expect("JSON"),
            r#"{"imageId":"img_1","containerId":"user-1","sessionId":"sess_1","name":"n","description":null,"systemPrompt":"s","model":null,"createdAt":1,"updatedAt":2,"online":true}"#
        );
    }
}
