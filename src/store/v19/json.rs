//! Forgiving readers for single JSON values: a value of the wrong type is an absent value.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use serde_json::value::RawValue;

pub type Raw<'a> = Option<&'a RawValue>;

/// The text of a column; bytes that are no UTF-8 are replaced.
pub fn column(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

/// A whole number of a column, where there is one.
pub fn column_number(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => Some(number as i64), // saturates
        ValueRef::Text(_) => column(value)?.trim().parse().ok(),
        _ => None,
    }
}

/// A string, or a number as a string.
pub fn text(raw: Raw<'_>) -> Option<String> {
    let raw = raw?.get();
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'-' | b'0'..=b'9' => Some(raw.to_owned()),
        _ => None,
    }
}

/// A string that says something.
pub fn words(raw: Raw<'_>) -> Option<String> {
    text(raw).filter(|text| !text.is_empty())
}

/// Milliseconds since 1970, never before.
pub fn milliseconds(raw: Raw<'_>) -> Option<i64> {
    let text = text(raw)?;
    let number = text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64));
    number.filter(|number| *number > 0)
}

/// With half surrogate pairs replaced: JavaScript writes what it cut in the middle of a character, as `\ud83d`, and no
/// reader of JSON takes it.
pub fn mended(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let (taken, mended) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, &escape[..12]),
            (Some(0xd800..=0xdfff), _) => (6, "\\ufffd"),
            _ => {
                let taken = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                (taken, &escape[..taken])
            }
        };
        out.push_str(mended);
        rest = &escape[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The number of the escape `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_characters_are_mended() {
        let check = |json: &str, expected: &str| {
            assert_eq!(serde_json::from_str::<String>(&mended(json)).ok().as_deref(), Some(expected), "{json}");
        };
        check(r#""a\ud83db""#, "a\u{fffd}b");
        check(r#""\ude00""#, "\u{fffd}");
        check(r#""\ud83d\ude00""#, "😀");
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀");
        check(r#""\\ud83d""#, "\\ud83d");
        check(r#""\u4e2d\n""#, "中\n");
        assert_eq!(mended("\"\\"), "\"\\");
        assert_eq!(mended("\"\\u"), "\"\\u");
        assert_eq!(mended("\"\\u中"), "\"\\u中");
    }
}
