//! Reading what other programs wrote: a field that is missing, or has another type than it should, is simply not there.

use std::borrow::Cow;

use serde_json::Value;

use crate::domain::halves;

/// Where lone halves of characters go until their other half has come: private characters that no text uses.
const HALVES: u32 = 0x10_F800;

/// A piece of JSON, halves of characters included.
pub(super) fn parse(data: &str) -> Option<Value> {
    let marker = |half: u16| char::from_u32(HALVES + u32::from(half) - 0xD800).unwrap_or(char::REPLACEMENT_CHARACTER);
    serde_json::from_str(&halves::mend(data, marker)).ok()
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// A text or a number, as text: some servers number their errors.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number of things, also as `12.0` or `"12"`; negative ones mean nothing.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
            number.as_f64().filter(|float| *float >= 0.0).map(|float| float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Joins halves of characters that came in two pieces.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    high: Option<u16>,
}

impl Joiner {
    /// What can be shown of it by now.
    pub(super) fn join<'a>(&mut self, piece: &'a str) -> Cow<'a, str> {
        if self.high.is_none() && !piece.contains(|c| half(c).is_some()) {
            return Cow::Borrowed(piece);
        }
        let mut whole = String::with_capacity(piece.len() + 4);
        for c in piece.chars() {
            match (half(c), self.high.take()) {
                (Some(low @ 0xDC00..), Some(high)) => {
                    whole.extend(char::decode_utf16([high, low]).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
                }
                (Some(0xDC00..), None) => whole.push(char::REPLACEMENT_CHARACTER),
                (next, before) => {
                    whole.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                    self.high = next;
                    if next.is_none() {
                        whole.push(c);
                    }
                }
            }
        }
        Cow::Owned(whole)
    }

    /// What is left when nothing more comes.
    pub(super) fn end(&mut self) -> &'static str {
        if self.high.take().is_some() { "\u{fffd}" } else { "" }
    }
}

fn half(c: char) -> Option<u16> {
    let number = u32::from(c).checked_sub(HALVES)?;
    u16::try_from(0xD800 + number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_meet_across_pieces() {
        let check = |pieces: &[&str], expected: &str| {
            let mut joiner = Joiner::default();
            let mut whole = String::new();
            for piece in pieces {
                let value = parse(&format!("\"{piece}\"")).expect("JSON");
                whole.push_str(&joiner.join(value.as_str().expect("text")));
            }
            whole.push_str(joiner.end());
            assert_eq!(whole, expected, "{pieces:?}");
        };
        check(&["plain"], "plain");
        check(&[r"ok \ud83d", r"\ude00 done"], "ok 😀 done");
        check(&[r"\ud83d", "", r"\ude00"], "😀");
        check(&[r"a\ud83d", "b"], "a\u{fffd}b");
        check(&[r"a\ude00b", r"\ud83d"], "a\u{fffd}b\u{fffd}");
        check(&[r"\ud83d\ud83d", r"\ude00"], "\u{fffd}😀");
    }

    #[test]
    fn numbers_in_all_spellings() {
        let check = |json: &str, expected| assert_eq!(count(&parse(json).expect("JSON")), expected, "{json}");
        check("12", Some(12));
        check("12.0", Some(12));
        check("\"12\"", Some(12));
        check("-1", None);
        check("-0.5", None);
        check("null", None);
        check("{}", None);
    }
}
