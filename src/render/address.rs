//! Which addresses may be clicked, and where in plain text one stands.

use std::borrow::Cow;

/// The address as it may stand in `href`, or `None` for every scheme but `http`, `https` and `mailto`.
///
/// Browsers forgive leading blanks and drop tabs and line ends, so we forgive nothing: the scheme stands at the very
/// beginning, and no control character stands anywhere.
pub fn safe(address: &str, is_email: bool) -> Option<Cow<'_, str>> {
    if address.chars().any(char::is_control) {
        return None;
    }
    if is_email {
        return Some(Cow::Owned(format!("mailto:{address}")));
    }
    let has = |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    ["http://", "https://", "mailto:"].into_iter().any(has).then_some(Cow::Borrowed(address))
}

/// The first bare web address in `text`, as a range of bytes. It ends before anything that is not ASCII, because in
/// Chinese the sentence goes on without a blank, and before the punctuation that belongs to the sentence.
pub fn find(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("http") {
        let at = from + found;
        from = at + "http".len();
        let length = length(&text[at..]);
        if length > 0 && !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return Some((at, at + length));
        }
    }
    None
}

/// The length of the bare web address that `text` begins with, or 0.
pub fn length(text: &str) -> usize {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.filter(|host| host.starts_with(is_host_start)) {
        Some(host) => text.len() - host.len() + trimmed(&host[..run(host)]),
        None => 0,
    }
}

fn is_host_start(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '['
}

fn run(text: &str) -> usize {
    let ends = |c: char| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^');
    text.find(ends).unwrap_or(text.len())
}

/// The length without what ends a sentence; a closing bracket stays where its partner is part of the address.
fn trimmed(run: &str) -> usize {
    let count = |wanted: u8| run.bytes().filter(|byte| *byte == wanted).count();
    let (open, mut closed) = (count(b'('), count(b')'));
    let mut end = run.len();
    for byte in run.bytes().rev() {
        match byte {
            b'.' | b',' | b':' | b';' | b'!' | b'?' | b'\'' | b'*' | b'_' | b'~' => {}
            b')' if closed > open => closed -= 1,
            _ => break,
        }
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_schemes_pass() {
        for good in ["http://a", "HTTPS://a.b/?q=1&r=\"", "mailto:a@b.c"] {
            assert_eq!(safe(good, false).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "\u{1}https://a",
            " https://a",
            "https:a",
            "//a.b",
            "/a",
            "#a",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "htt\nps://a",
            "https://a\r\n",
            "",
        ] {
            assert_eq!(safe(bad, false), None, "{bad:?}");
        }
        assert_eq!(safe("a@b.c", true).as_deref(), Some("mailto:a@b.c"));
    }

    #[test]
    fn bare_addresses_end_where_a_person_would_end_them() {
        let found = |text: &str| find(text).map(|(from, to)| text[from..to].to_owned());
        let check = |text: &str, expected: Option<&str>| assert_eq!(found(text).as_deref(), expected, "{text}");
        check("see https://a.b/c_d?e=f&g. Then", Some("https://a.b/c_d?e=f&g"));
        check("请看https://a.b/c，然后", Some("https://a.b/c"));
        check("（见 http://a.b/c）", Some("http://a.b/c"));
        check("(https://a.b/c_(d))", Some("https://a.b/c_(d)"));
        check("https://a.b)))", Some("https://a.b"));
        check("xhttp://a.b https:// http:", None);
        check("https://\"onerror", None);
    }
}
