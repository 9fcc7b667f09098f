//! From stored messages to the turns the API accepts.
//!
//! What is stored may have holes: a stop, a crash, a message taken over from 1.9. The API is strict, and answers any
//! breach with 400, for ever, since the history is sent again with each question. So its rules are established here:
//!
//! - user and assistant take turns, the user first; a turn has content, and no text of it is blank;
//! - a `tool_use` is answered by exactly one `tool_result`, at the start of the very next turn; where none was ever
//!   stored, one is made up that says so; results that nobody asked for are left out, and so are repeated ids;
//! - the user has the last word: a beginning of the answer that the model only has to go on with (prefill) is refused;
//! - thinking goes back verbatim with its signature; without one (it was cut off) it does not go back at all, and
//!   neither does thinking that led to nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::wire::{Block, Object, Role, Source, Turn};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};

const NO_RESULT: &str = "This tool call was interrupted: there is no result.";
const EMPTY_RESULT: &str = "(no output)";
const GO_ON: &str = "(Continue where you stopped.)";
const CUT_BEGINNING: &str = "(The beginning of this conversation is not available.)";
/// The pictures a model can look at.
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The turns of a conversation. Empty where nothing of it can go to a model.
pub(super) fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    let wanted = || messages.iter().filter(|message| message.status != MessageStatus::Superseded);
    let mut history =
        History { turns: Vec::new(), results: results(wanted()), called: HashSet::new(), open: Vec::new() };
    for message in wanted() {
        match message.role {
            MessageRole::User => history.user(&message.parts),
            MessageRole::Assistant => history.assistant(&message.parts),
            MessageRole::Tool => history.close_answer(),
            MessageRole::Error => {}
        }
    }
    history.close_answer();
    let mut turns = history.turns;
    if turns.first().is_some_and(|turn| turn.role == Role::Assistant) {
        turns.insert(0, Turn { role: Role::User, content: vec![Block::text(CUT_BEGINNING)] });
    }
    if turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
        turns.push(Turn { role: Role::User, content: vec![Block::text(GO_ON)] });
    }
    turns
}

/// The names of all tools that are called, sorted.
pub(super) fn tool_names<'a>(turns: &[Turn<'a>]) -> BTreeSet<&'a str> {
    let blocks = turns.iter().flat_map(|turn| &turn.content);
    blocks.filter_map(|block| if let Block::ToolUse { name, .. } = block { Some(*name) } else { None }).collect()
}

/// The results by the id of their call; of several the last.
fn results<'a>(messages: impl Iterator<Item = &'a Message>) -> HashMap<&'a str, (&'a str, bool)> {
    let parts = messages.flat_map(|message| &message.parts);
    let result = |part: &'a Part| match part {
        Part::ToolResult { id, output, is_error, .. } => Some((id.as_str(), (output.as_str(), *is_error))),
        _ => None,
    };
    parts.filter_map(result).collect()
}

struct History<'a> {
    turns: Vec<Turn<'a>>,
    results: HashMap<&'a str, (&'a str, bool)>,
    /// All ids of calls so far.
    called: HashSet<&'a str>,
    /// The calls of the last turn, which the next one has to answer.
    open: Vec<&'a str>,
}

impl<'a> History<'a> {
    fn user(&mut self, parts: &'a [Part]) {
        self.close_answer();
        for block in parts.iter().filter_map(user_block) {
            self.push(Role::User, block);
        }
    }

    fn assistant(&mut self, parts: &'a [Part]) {
        for part in parts {
            let block = match part {
                Part::Text(text) if !text.trim().is_empty() => Block::text(text.as_str()),
                Part::Thinking { text, signature: Some(signature) } if !signature.is_empty() => {
                    Block::Thinking { thinking: text, signature }
                }
                Part::RedactedThinking { data } => Block::RedactedThinking { data },
                Part::ToolCall { id, name, input } if self.called.insert(id) => {
                    self.open.push(id);
                    Block::ToolUse { id, name, input: Object::of(input), cache_control: None }
                }
                _ => continue,
            };
            self.push(Role::Assistant, block);
        }
    }

    /// Ends a turn of the assistant, if one is open, and begins the next with the results it asked for.
    fn close_answer(&mut self) {
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Role::Assistant) {
            while turn.content.last().is_some_and(Block::is_thinking) {
                turn.content.pop();
            }
            if turn.content.is_empty() {
                self.turns.pop();
            }
        }
        for id in std::mem::take(&mut self.open) {
            let (content, is_error) = self.results.get(id).copied().unwrap_or((NO_RESULT, true));
            let content = if content.trim().is_empty() { EMPTY_RESULT } else { content };
            self.push(Role::User, Block::ToolResult { tool_use_id: id, content, is_error, cache_control: None });
        }
    }

    fn push(&mut self, role: Role, block: Block<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.push(block),
            _ => self.turns.push(Turn { role, content: vec![block] }),
        }
    }
}

fn user_block(part: &Part) -> Option<Block<'_>> {
    match part {
        Part::Text(text) if !text.trim().is_empty() => Some(Block::text(text.as_str())),
        Part::Image { media_type, data, name } => Some(image(media_type, bare(data), name.as_deref())),
        Part::File { media_type, data, filename } => Some(file(media_type, bare(data), filename.as_deref())),
        _ => None,
    }
}

fn image<'a>(media_type: &'a str, data: &'a str, name: Option<&'a str>) -> Block<'a> {
    let media_type = if media_type == "image/jpg" { "image/jpeg" } else { media_type };
    if IMAGE_TYPES.contains(&media_type) && !data.is_empty() {
        Block::Image { source: Source::Base64 { media_type, data }, cache_control: None }
    } else {
        cannot_be_shown(media_type, name)
    }
}

fn file<'a>(media_type: &'a str, data: &'a str, filename: Option<&'a str>) -> Block<'a> {
    let kind = media_type.split(';').next().unwrap_or("").trim();
    if IMAGE_TYPES.contains(&kind) {
        return image(kind, data, filename);
    }
    let title = filename.filter(|name| !name.trim().is_empty());
    if kind == "application/pdf" && !data.is_empty() {
        let source = Source::Base64 { media_type: kind, data };
        return Block::Document { source, title, cache_control: None };
    }
    let is_text = kind.starts_with("text/") || matches!(kind, "application/json" | "application/xml");
    let text = if is_text { STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok()) } else { None };
    match text.filter(|text| !text.trim().is_empty()) {
        Some(data) => {
            let source = Source::Text { media_type: "text/plain", data };
            Block::Document { source, title, cache_control: None }
        }
        None => cannot_be_shown(media_type, filename),
    }
}

/// The model should know that there is something it does not see.
fn cannot_be_shown<'a>(media_type: &str, name: Option<&str>) -> Block<'a> {
    Block::text(format!(
        "[Attachment {} ({media_type}): it cannot be shown to the model]",
        name.unwrap_or("without a name")
    ))
}

/// Base64 without a `data:…;base64,` in front.
fn bare(data: &str) -> &str {
    match data.split_once(";base64,") {
        Some((head, rest)) if head.starts_with("data:") => rest,
        _ => data,
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
