//! Halves of characters: a surrogate of UTF-16 that stands alone in JSON (`\ud83d`), as a program writes it that cut a
//! text in the middle of an emoji. JSON allows it, a text of ours cannot hold it.

use std::borrow::Cow;

/// JSON in which `replacement` stands for every lone half; the same text where there is none.
pub fn mend(json: &str, replacement: impl Fn(u16) -> char) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let (mut mended, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        let here = at + found;
        at = match unit(bytes, here) {
            Some(0xD800..=0xDBFF) if matches!(unit(bytes, here + 6), Some(0xDC00..=0xDFFF)) => here + 12,
            Some(half @ 0xD800..=0xDFFF) => {
                mended.push_str(&json[copied..here]);
                mended.push(replacement(half));
                copied = here + 6;
                copied
            }
            _ => here + 2, // another escape
        };
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[copied..]);
    Cow::Owned(mended)
}

/// The unit of UTF-16 that is escaped here.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_halves_are_replaced_and_nothing_else() {
        let check = |json: &str, expected: &str| assert_eq!(mend(json, |_| '\u{fffd}'), expected, "{json}");
        check(r#""plain 你好""#, r#""plain 你好""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""ok \ud83d""#, "\"ok \u{fffd}\"");
        check(r#""\uDE00 done \n""#, "\"\u{fffd} done \\n\"");
        check(r#""\ud83d\ud83d\ude00""#, "\"\u{fffd}\\ud83d\\ude00\"");
        check(r#""\\ud83d""#, r#""\\ud83d""#);
        check(r#""\\\ud83d""#, "\"\\\\\u{fffd}\"");
        check(r"\u12", r"\u12");
        check("\\字", "\\字");
    }
}
