//! Forgiving readers for single values of JSON that other programs wrote: a value of the wrong type is an absent value.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::halves;

pub type Raw<'a> = Option<&'a RawValue>;

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

/// With half surrogate pairs replaced, as no reader of JSON takes them.
pub fn mended(json: &str) -> Cow<'_, str> {
    halves::mend(json, |_| '\u{fffd}')
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
