//! From stored messages to the turns that a provider accepts.
//!
//! What is stored may have holes: a stop, a crash, a message taken over from 1.9, an answer of another provider. Most
//! APIs are strict, and answer any breach with 400, for ever, since the history is sent again with each question. So
//! their rules are established here, once for all wires:
//!
//! - user and assistant take turns, the user first; a turn has content;
//! - a call is answered by exactly one result, at the start of the very next turn; where none was ever stored, one is
//!   made up that says so; results without a call are left out;
//! - ids of calls are unique and, like names of tools, of `[A-Za-z0-9_-]{1,64}`, whatever another server has minted;
//! - the user has the last word: a beginning of the answer that the model only has to go on with (prefill) is refused;
//! - blank texts go back only beside signed thinking, which is only good among exactly what it came with;
//! - thinking goes back verbatim, but not where it led to nothing; what only its provider can read, to its origin only.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::dialect::Form;
use super::lessons::Quirk;
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};

const NO_RESULT: &str = "This tool call was interrupted: there is no result.";
const EMPTY_RESULT: &str = "(no output)";
const GO_ON: &str = "(Continue where you stopped.)";
const CUT_BEGINNING: &str = "(The beginning of this conversation is not available.)";
/// The pictures a model can look at.
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// What every API takes as an id or a name, in bytes.
const NAME_BYTES: usize = 64;
/// What the strictest wants as an id, in digits.
const SHORT_ID: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
    /// Instructions that changed in the middle of a conversation.
    System,
}

pub(super) struct Turn<'a> {
    pub role: Role,
    pub items: Vec<Item<'a>>,
}

/// A picture of a tool, for models that can look at it.
#[derive(Clone)]
pub(super) struct Picture<'a> {
    pub media_type: &'a str,
    /// Base64.
    pub data: &'a str,
}

/// What a tool has answered.
#[derive(Clone)]
struct Outcome<'a> {
    output: &'a str,
    is_error: bool,
    pictures: Vec<Picture<'a>>,
}

pub(super) enum Item<'a> {
    Text(Cow<'a, str>),
    Thinking {
        text: &'a str,
        signature: Option<&'a str>,
    },
    Redacted(&'a str),
    /// JSON that the provider gave for itself.
    Opaque(&'a str),
    Call {
        id: Cow<'a, str>,
        /// The id under which the provider gave it.
        own_id: &'a str,
        name: Cow<'a, str>,
        input: &'a str,
    },
    Result {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        output: &'a str,
        is_error: bool,
        pictures: Vec<Picture<'a>>,
    },
    Image {
        media_type: &'a str,
        data: &'a str,
    },
    /// Base64.
    Pdf {
        data: &'a str,
        title: Option<&'a str>,
    },
    Document {
        text: String,
        title: Option<&'a str>,
    },
}

impl Item<'_> {
    fn is_hidden(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::Redacted(_) | Self::Opaque(_))
    }
}

/// The turns of a conversation. Empty where nothing of it can go to a model.
pub(super) fn turns<'a>(messages: &'a [Message], form: &Form<'_>) -> Vec<Turn<'a>> {
    let wanted = || messages.iter().filter(|message| message.status != MessageStatus::Superseded);
    let mut history = History {
        turns: Vec::new(),
        results: results(wanted()),
        calls: 0,
        ids: HashSet::new(),
        short_ids: form.lessons.has(Quirk::ShortIds),
        keep_blank: !form.lessons.has(Quirk::NoBlankText),
        takes: Takes::by(form),
        open: Vec::new(),
    };
    for (index, message) in messages.iter().enumerate() {
        match message.role {
            _ if message.status == MessageStatus::Superseded => {}
            MessageRole::User => history.user(&message.parts),
            MessageRole::Assistant => {
                history.assistant(&message.parts, form.origin, index < form.forget_thinking);
            }
            MessageRole::Tool => history.close_answer(),
            MessageRole::System => history.system(&message.parts, form.lessons.has(Quirk::NoLateSystem)),
            MessageRole::Error => {}
        }
    }
    history.close_answer();
    let mut turns = history.turns;
    let note = |text| Turn { role: Role::User, items: vec![Item::Text(Cow::Borrowed(text))] };
    if turns.first().is_some_and(|turn| turn.role == Role::Assistant) {
        turns.insert(0, note(CUT_BEGINNING));
    }
    if turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
        turns.push(note(GO_ON));
    }
    turns
}

/// The texts of a turn.
pub(super) fn words(turn: &Turn<'_>) -> String {
    let texts = turn.items.iter().filter_map(|item| if let Item::Text(text) = item { Some(&**text) } else { None });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// The names of all tools that are called, sorted.
pub(super) fn tool_names<'a>(turns: &'a [Turn<'_>]) -> BTreeSet<&'a str> {
    let items = turns.iter().flat_map(|turn| &turn.items);
    items.filter_map(|item| if let Item::Call { name, .. } = item { Some(&**name) } else { None }).collect()
}

/// The results by the number of their call. Some servers give each round's calls the same ids, so a result belongs to
/// the newest call of its id; where two calls of one message share theirs, to each in turn.
fn results<'a>(messages: impl Iterator<Item = &'a Message>) -> HashMap<usize, Outcome<'a>> {
    let mut results = HashMap::new();
    let mut early: HashMap<&str, Outcome<'a>> = HashMap::new();
    let mut waiting: HashMap<&str, VecDeque<usize>> = HashMap::new();
    let mut answered: HashMap<&str, usize> = HashMap::new();
    let mut calls = 0;
    for message in messages {
        let mut own = HashSet::new();
        for (at, part) in message.parts.iter().enumerate() {
            match part {
                Part::ToolCall { id, .. } => {
                    let queue = waiting.entry(id).or_default();
                    if own.insert(id.as_str()) {
                        queue.clear();
                    }
                    queue.push_back(calls);
                    if let Some(result) = early.remove(id.as_str()) {
                        results.insert(calls, result);
                    }
                    calls += 1;
                }
                Part::ToolResult { id, output, is_error, .. } => {
                    let pictures = pictures(&message.parts[at + 1..]);
                    let result = Outcome { output, is_error: *is_error, pictures };
                    let next = waiting.get_mut(id.as_str()).and_then(VecDeque::pop_front);
                    match next.or_else(|| answered.get(id.as_str()).copied()) {
                        Some(call) => {
                            answered.insert(id, call);
                            results.insert(call, result);
                        }
                        None => {
                            early.insert(id, result);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    results
}

/// Those that stand behind a result, up to the next.
fn pictures<'a>(parts: &'a [Part]) -> Vec<Picture<'a>> {
    let own = parts.iter().take_while(|part| !matches!(part, Part::ToolResult { .. }));
    let picture = |part: &'a Part| match part {
        Part::Image { media_type, data, .. } if IMAGE_TYPES.contains(&media_type.as_str()) => {
            Some(Picture { media_type, data: bare(data) })
        }
        _ => None,
    };
    own.filter_map(picture).collect()
}

struct History<'a> {
    turns: Vec<Turn<'a>>,
    results: HashMap<usize, Outcome<'a>>,
    /// How many calls there were so far.
    calls: usize,
    /// The ids that were given to them.
    ids: HashSet<Cow<'a, str>>,
    short_ids: bool,
    keep_blank: bool,
    takes: Takes,
    /// The calls of the last turn, which the next one has to answer: number, id, name.
    open: Vec<(usize, Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> History<'a> {
    fn user(&mut self, parts: &'a [Part]) {
        self.close_answer();
        let takes = self.takes;
        for item in parts.iter().filter_map(|part| user_item(part, takes)) {
            self.push(Role::User, item);
        }
    }

    /// A wire that does not take it where it stands gets it as words of the person.
    fn system(&mut self, parts: &'a [Part], as_user: bool) {
        self.close_answer();
        let role = if as_user { Role::User } else { Role::System };
        let takes = self.takes;
        for item in parts.iter().filter_map(|part| user_item(part, takes)) {
            self.push(role, item);
        }
    }

    fn assistant(&mut self, parts: &'a [Part], origin: &str, forget_thinking: bool) {
        // Signed thinking is only good among exactly the blocks that it came with, blank ones included.
        let is_signed =
            |part: &Part| matches!(part, Part::Thinking { signature: Some(_), .. } | Part::RedactedThinking { .. });
        let keep_blank = !forget_thinking && self.keep_blank && parts.iter().any(is_signed);
        for part in parts {
            let item = match part {
                Part::Text(text) if keep_blank || !text.trim().is_empty() => Item::Text(Cow::Borrowed(text)),
                Part::Thinking { .. } | Part::RedactedThinking { .. } | Part::Opaque { .. } if forget_thinking => {
                    continue;
                }
                Part::Thinking { text, signature } => {
                    Item::Thinking { text, signature: signature.as_deref().filter(|text| !text.is_empty()) }
                }
                Part::RedactedThinking { data } => Item::Redacted(data),
                Part::Opaque { origin: from, data } if from == origin => Item::Opaque(data),
                Part::ToolCall { id, name, input } => {
                    let (own_id, id, name) = (id.as_str(), self.id(id), valid(name, "tool"));
                    self.open.push((self.calls, id.clone(), name.clone()));
                    self.calls += 1;
                    Item::Call { id, own_id, name, input }
                }
                _ => continue,
            };
            self.push(Role::Assistant, item);
        }
    }

    /// A valid id that no call had before, always the same for the same history.
    fn id(&mut self, id: &'a str) -> Cow<'a, str> {
        let mut valid = valid(id, "call");
        if self.short_ids {
            valid = Cow::Owned(format!("{:0SHORT_ID$}", self.calls));
        } else if self.ids.contains(&valid) {
            let end = format!("_{}", self.calls);
            valid = Cow::Owned(format!("{}{end}", &valid[..valid.len().min(NAME_BYTES - end.len())]));
        }
        self.ids.insert(valid.clone());
        valid
    }

    /// Ends a turn of the assistant, if one is open, and begins the next with the results it asked for.
    fn close_answer(&mut self) {
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Role::Assistant) {
            if turn.items.iter().all(Item::is_hidden) {
                self.turns.pop();
            } else {
                while turn.items.last().is_some_and(|item| item.is_hidden() && !matches!(item, Item::Opaque(_))) {
                    turn.items.pop();
                }
            }
        }
        for (number, id, name) in std::mem::take(&mut self.open) {
            let missing = Outcome { output: NO_RESULT, is_error: true, pictures: Vec::new() };
            let Outcome { output, is_error, mut pictures } = self.results.remove(&number).unwrap_or(missing);
            if !self.takes.images {
                pictures.clear(); // the text names them
            }
            let output = if output.trim().is_empty() { EMPTY_RESULT } else { output };
            self.push(Role::User, Item::Result { id, name, output, is_error, pictures });
        }
    }

    fn push(&mut self, role: Role, item: Item<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.items.push(item),
            _ => self.turns.push(Turn { role, items: vec![item] }),
        }
    }
}

/// An id or a name as every API takes it.
fn valid<'a>(text: &'a str, otherwise: &'static str) -> Cow<'a, str> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if text.is_empty() {
        Cow::Borrowed(otherwise)
    } else if text.len() <= NAME_BYTES && text.chars().all(is_good) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(|c| if is_good(c) { c } else { '_' }).take(NAME_BYTES).collect())
    }
}

/// What a model can look at, as far as it has refused nothing.
#[derive(Clone, Copy)]
struct Takes {
    images: bool,
    files: bool,
}

impl Takes {
    fn by(form: &Form<'_>) -> Self {
        let images = !form.lessons.has(Quirk::PlainContent);
        Self { images, files: images && !form.lessons.has(Quirk::NoFiles) }
    }
}

fn user_item(part: &Part, takes: Takes) -> Option<Item<'_>> {
    let (item, media_type, name) = match part {
        Part::Text(text) if !text.trim().is_empty() => return Some(Item::Text(Cow::Borrowed(text))),
        Part::Image { media_type, data, name } => (image(media_type, bare(data), name.as_deref()), media_type, name),
        Part::File { media_type, data, filename } => {
            (file(media_type, bare(data), filename.as_deref()), media_type, filename)
        }
        _ => return None,
    };
    Some(match item {
        Item::Image { .. } if !takes.images => cannot_be_shown(media_type, name.as_deref()),
        Item::Pdf { .. } if !takes.files => cannot_be_shown(media_type, name.as_deref()),
        Item::Document { text, title } if !takes.files => Item::Text(Cow::Owned(document(&text, title))),
        other => other,
    })
}

/// A file of text, for wires that have no place of its own for it.
pub(super) fn document(text: &str, title: Option<&str>) -> String {
    format!("[File {}]\n{text}", title.unwrap_or("without a name"))
}

fn image<'a>(media_type: &'a str, data: &'a str, name: Option<&'a str>) -> Item<'a> {
    let media_type = if media_type == "image/jpg" { "image/jpeg" } else { media_type };
    if IMAGE_TYPES.contains(&media_type) && !data.is_empty() {
        Item::Image { media_type, data }
    } else {
        cannot_be_shown(media_type, name)
    }
}

fn file<'a>(media_type: &'a str, data: &'a str, filename: Option<&'a str>) -> Item<'a> {
    let kind = media_type.split(';').next().unwrap_or("").trim();
    if IMAGE_TYPES.contains(&kind) {
        return image(kind, data, filename);
    }
    let title = filename.filter(|name| !name.trim().is_empty());
    if kind == "application/pdf" && !data.is_empty() {
        return Item::Pdf { data, title };
    }
    let is_text = kind.starts_with("text/") || matches!(kind, "application/json" | "application/xml");
    let text = if is_text { STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok()) } else { None };
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => Item::Document { text, title },
        None => cannot_be_shown(media_type, filename),
    }
}

/// What stands before the pictures of a tool, where they cannot be part of its result.
pub(super) fn pictures_of(tool: &str) -> String {
    format!("[The pictures that {tool} has returned]")
}

/// The model should know that there is something it does not see.
pub(super) fn cannot_be_shown<'a>(media_type: &str, name: Option<&str>) -> Item<'a> {
    let name = name.unwrap_or("without a name");
    Item::Text(Cow::Owned(format!("[Attachment {name} ({media_type}): it cannot be shown to the model]")))
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
