//! Our own form of what leaves the service, as `docs/en/export.md` describes it. Whatever writes one, writes it here: the
//! export over HTTP and the operator's.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::Error;
use crate::domain::conversation::Conversation;
use crate::store::{BranchTurn, Store, StoredFile, StoredMessage};

/// The name of the form, and the number that goes up when an older reader could misread it.
pub const FORMAT: &str = "portagent-export";
pub const VERSION: u32 = 1;
/// What names the form in an archive.
pub const MANIFEST: &str = "export.json";
/// The list of files in an archive.
pub const ATTACHMENTS: &str = "attachments.json";
/// Conversations of an archive stand below it, one file each.
pub const CONVERSATIONS: &str = "conversations/";
/// Files that are read from the list at once.
const FILES_PER_PAGE: usize = 100;
/// Longest part of a file's name that comes from an id, in characters.
const NAME_CHARS: usize = 100;

/// Why an export ended early.
#[derive(Debug)]
pub enum Halt {
    /// What was to be exported could not be read.
    Source(Error),
    /// Where it goes does not take it.
    Output(io::Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

impl From<io::Error> for Halt {
    fn from(cause: io::Error) -> Self {
        Self::Output(cause)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: &'static str,
    pub version: u32,
    /// The version of the program.
    pub server: &'static str,
    pub exported_at: i64,
}

impl Manifest {
    pub fn now() -> Self {
        let server = env!("CARGO_PKG_VERSION");
        Self { format: FORMAT, version: VERSION, server, exported_at: crate::domain::clock::now_ms() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    image_id: &'a str,
    session_id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    system_prompt: Option<&'a str>,
    model: Option<&'a str>,
    effort: Option<&'a str>,
    tools: Option<Vec<String>>,
    pinned: bool,
    archived: bool,
    created_at: i64,
    updated_at: i64,
    /// Where a question has several versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    turns: Vec<TurnView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TurnView {
    turn_id: String,
    parent_turn_id: Option<String>,
    is_shown: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageView<'a> {
    message_id: &'a str,
    turn_id: Option<&'a str>,
    role: &'a str,
    status: &'a str,
    model: Option<&'a str>,
    stop_reason: Option<&'a str>,
    timestamp: i64,
    usage: Option<Json<'a>>,
    content: Json<'a>,
}

/// JSON as it is stored; what cannot be read goes out as the text that it is.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Read(&'a RawValue),
    Text(&'a str),
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        serde_json::from_str(text).map_or(Self::Text(text), Self::Read)
    }
}

/// One conversation, written message by message: it may be larger than the memory. Returns how many messages.
pub fn write_conversation(store: &Store, conversation: &Conversation, out: &mut dyn Write) -> Result<u64, Halt> {
    let tools = store.conversation_tools(&conversation.container_id, &conversation.id)?.chosen;
    let Conversation { id, session_id, name, description, system_prompt, model, effort, .. } = conversation;
    let head = Head {
        image_id: id.as_str(),
        session_id: session_id.as_str(),
        name,
        description: description.as_deref(),
        system_prompt: system_prompt.as_deref(),
        model: model.as_deref(),
        effort: effort.as_deref(),
        tools,
        pinned: conversation.is_pinned,
        archived: conversation.is_archived,
        created_at: conversation.created_at,
        updated_at: conversation.updated_at,
        turns: store.branches(conversation)?.iter().map(TurnView::from).collect(),
    };
    let mut head = serde_json::to_string(&head).map_err(io::Error::from)?;
    head.pop(); // the brace comes after the messages
    write!(out, "{head},\"messages\":[")?;
    let mut messages = 0_u64;
    each_message(store, conversation, &mut |message| {
        out.write_all(if messages == 0 { b"\n" } else { b",\n" })?;
        messages += 1;
        Ok(serde_json::to_writer(&mut *out, &MessageView::from(message)).map_err(io::Error::from)?)
    })?;
    out.write_all(b"\n]}")?;
    Ok(messages)
}

impl From<&BranchTurn> for TurnView {
    fn from(turn: &BranchTurn) -> Self {
        Self {
            turn_id: turn.id.as_str().to_owned(),
            parent_turn_id: turn.parent.as_ref().map(|parent| parent.as_str().to_owned()),
            is_shown: turn.is_shown,
        }
    }
}

impl<'a> From<&'a StoredMessage> for MessageView<'a> {
    fn from(message: &'a StoredMessage) -> Self {
        Self {
            message_id: &message.id,
            turn_id: message.turn_id.as_deref(),
            role: &message.role,
            status: &message.status,
            model: message.model.as_deref(),
            stop_reason: message.stop_reason.as_deref(),
            timestamp: message.timestamp,
            usage: message.usage.as_deref().map(Json::from),
            content: message.content.as_str().into(),
        }
    }
}

/// Every message, oldest first.
pub(super) fn each_message(
    store: &Store,
    conversation: &Conversation,
    take: &mut dyn FnMut(&StoredMessage) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let mut last = None;
    loop {
        let page = store.messages_behind(conversation, last.as_ref())?;
        page.iter().try_for_each(&mut *take)?;
        match page.into_iter().next_back() {
            Some(message) => last = Some(message),
            None => return Ok(()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileView<'a> {
    file_id: &'a str,
    name: &'a str,
    media_type: &'a str,
    size: u64,
    sha256: &'a str,
    /// Where its content stands in the archive.
    path: String,
}

/// The list of files, page by page as `next` gives them from behind an id on. `take` gets each after it was listed.
pub fn write_attachments(
    out: &mut dyn Write,
    next: &dyn Fn(&str, usize) -> crate::domain::Result<Vec<StoredFile>>,
    path: &dyn Fn(&StoredFile) -> String,
    take: &mut dyn FnMut(&StoredFile),
) -> Result<(), Halt> {
    out.write_all(b"[")?;
    let mut after = String::new();
    loop {
        let page = next(&after, FILES_PER_PAGE)?;
        for stored in &page {
            out.write_all(if after.is_empty() { b"\n" } else { b",\n" })?;
            stored.file.id.as_str().clone_into(&mut after);
            let view = FileView {
                file_id: stored.file.id.as_str(),
                name: &stored.file.name,
                media_type: stored.file.media.as_str(),
                size: stored.file.size,
                sha256: &stored.digest,
                path: path(stored),
            };
            serde_json::to_writer(&mut *out, &view).map_err(io::Error::from)?;
            take(stored);
        }
        if page.is_empty() {
            return Ok(out.write_all(b"\n]\n")?);
        }
    }
}

/// The name of a conversation's file in an archive, the `number`th.
pub fn conversation_path(number: u64, conversation: &Conversation) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // Ids of 1.9 were anything a client sent.
    let id: String = conversation.id.as_str().chars().take(NAME_CHARS).collect();
    let id: String = id.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{CONVERSATIONS}{number:05}-{id}.json")
}
