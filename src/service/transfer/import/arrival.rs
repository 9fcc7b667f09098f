//! A conversation of another program, or of our own form, before it is one of ours: what all forms come to.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use crate::domain::StopReason;
use crate::domain::limits;
use crate::domain::loose_json::{Raw, text};
use crate::domain::message::{MessageRole, MessageStatus, Part, Usage};

/// Messages of one conversation: what its file holds, on the path that is shown or beside it.
pub(super) const MESSAGES: usize = 50_000;
/// One text, in bytes; longer ones are cut.
const TEXT_BYTES: usize = limits::ANSWER_BYTES;
/// Of something that is not known here, kept as text, in bytes.
const UNKNOWN_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Arrival {
    /// Which program it comes from, and its id there.
    pub origin: &'static str,
    pub id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub system_prompt: Option<String>,
    pub model: Option<String>,
    pub effort: Option<String>,
    pub tools: Option<Vec<String>>,
    pub is_pinned: bool,
    pub is_archived: bool,
    /// Milliseconds since 1970.
    pub created_at: Option<i64>,
    pub updated_at: Option<i64>,
    pub drafts: Vec<Draft>,
    /// The tree of its turns; empty where it is one branch.
    pub branches: Vec<Branch>,
    pub changed: Changed,
}

pub(super) struct Branch {
    pub turn: String,
    pub parent: Option<String>,
    pub is_shown: bool,
}

/// What did not stay as it was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Parts of a kind that is not known here, kept as text.
    pub as_text: u64,
    /// Texts that were too long.
    pub cut: u64,
    /// Files whose content is not in what was given.
    pub files_missing: u64,
}

pub(super) struct Draft {
    pub role: MessageRole,
    /// What belongs to the same turn has the same; `None`: a question begins one.
    pub turn: Option<String>,
    pub parts: Vec<DraftPart>,
    pub status: MessageStatus,
    pub model: Option<String>,
    pub usage: Option<Usage>,
    pub stop_reason: Option<StopReason>,
    pub timestamp: Option<i64>,
}

pub(super) enum DraftPart {
    Ready(Part),
    /// A file of the archive.
    Asset {
        key: String,
        name: String,
    },
    /// Base64.
    Inline {
        data: String,
        name: String,
    },
}

/// Why a conversation is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    TooLarge,
    TooManyMessages,
    Unreadable,
    UnknownForm,
    Empty,
    /// The file ends in the middle of it.
    Truncated,
    /// The archive is damaged there.
    Damaged,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooManyMessages => "too_many_messages",
            Self::Unreadable => "unreadable",
            Self::UnknownForm => "unknown_form",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
        }
    }
}

impl Draft {
    pub(super) fn new(role: MessageRole, timestamp: Option<i64>) -> Self {
        Self {
            role,
            turn: None,
            parts: Vec::new(),
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            timestamp,
        }
    }
}

impl Changed {
    pub(super) fn text(&mut self, mut text: String) -> DraftPart {
        if text.len() > TEXT_BYTES {
            text.truncate(beginning(&text, TEXT_BYTES).len());
            text.push_str("\n\n[…]");
            self.cut += 1;
        }
        DraftPart::Ready(Part::Text(text))
    }

    /// What is not known here, as the JSON that it is.
    pub(super) fn unknown(&mut self, json: &str) -> DraftPart {
        self.as_text += 1;
        let shown = beginning(json, UNKNOWN_BYTES);
        if shown.len() < json.len() {
            self.cut += 1;
        }
        DraftPart::Ready(Part::Text(fenced("json", shown)))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.as_text += other.as_text;
        self.cut += other.cut;
        self.files_missing += other.files_missing;
    }
}

/// At most so many bytes of a text, no half character at its end.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    let ends = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..ends.unwrap_or(0)]
}

/// A text in a fence that is longer than any in it.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// A moment as other programs count it: seconds with or without a fraction, milli-, micro- or nanoseconds.
pub(super) fn moment(raw: Raw<'_>) -> Option<i64> {
    let number: f64 = text(raw)?.trim().parse().ok()?;
    let milliseconds = match number {
        number if number >= 1e17 => number / 1e6,
        number if number >= 1e14 => number / 1e3,
        number if number >= 1e11 => number,
        number => number * 1e3,
    };
    (milliseconds >= 1.0).then_some(milliseconds as i64) // saturates
}

/// The values of a list; nothing for anything else, or where there are too many.
pub(super) fn list(raw: Raw<'_>) -> Vec<&RawValue> {
    let Some(raw) = raw.filter(|raw| raw.get().starts_with('[')) else { return Vec::new() };
    serde_json::Deserializer::from_str(raw.get()).deserialize_seq(List(Vec::new())).unwrap_or_default()
}

/// The members of an object, in their order. Errors: too many, or no object.
pub(super) fn members(raw: Raw<'_>) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Reason> {
    let Some(raw) = raw.filter(|raw| raw.get().starts_with('{')) else { return Err(Reason::Unreadable) };
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_map(Object(Vec::new()))
        .map_err(|_| Reason::TooManyMessages)
}

/// Gathers no more than [`MESSAGES`]: a list of a million numbers would cost many times its text.
struct List<'de>(Vec<&'de RawValue>);

impl<'de> Visitor<'de> for List<'de> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Self::Value, A::Error> {
        while let Some(value) = access.next_element()? {
            if self.0.len() >= MESSAGES {
                return Err(serde::de::Error::custom("too many"));
            }
            self.0.push(value);
        }
        Ok(self.0)
    }
}

/// Borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Likewise.
struct Object<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

impl<'de> Visitor<'de> for Object<'de> {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Self::Value, A::Error> {
        while let Some((Key(key), value)) = access.next_entry()? {
            if self.0.len() >= MESSAGES {
                return Err(serde::de::Error::custom("too many"));
            }
            self.0.push((key, value));
        }
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_all_programs() {
        let check = |json: &str, expected: Option<i64>| {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(moment(Some(raw)), expected, "{json}");
        };
        check("1700000000", Some(1_700_000_000_000));
        check("1700000000.25", Some(1_700_000_000_250));
        check("1700000000000", Some(1_700_000_000_000));
        check("1700000000000000000", Some(1_700_000_000_000));
        check("\"1700000000\"", Some(1_700_000_000_000));
        check("-5", None);
        check("0", None);
        check("\"soon\"", None);
        check("[1]", None);
        check("1e300", Some(i64::MAX));
    }

    #[test]
    fn lists_and_objects_are_bounded() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        assert_eq!(list(Some(&raw("[1,\"a\"]"))).len(), 2);
        assert_eq!(list(Some(&raw("7"))).len(), 0);
        let many = format!("[{}1]", "1,".repeat(MESSAGES));
        assert_eq!(list(Some(&raw(&many))).len(), 0);
        let object = raw(r#"{"a":1,"b\n":[2]}"#);
        let found = members(Some(&object)).unwrap();
        assert_eq!((found.len(), &*found[1].0, found[1].1.get()), (2, "b\n", "[2]"));
        assert_eq!(members(Some(&raw("[]"))).unwrap_err(), Reason::Unreadable);
    }
}
