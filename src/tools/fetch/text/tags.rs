//! Tags: which ones matter, where one ends, and what its attributes say.

use super::entities::entities;

/// Elements whose content is not for reading.
pub(super) const SILENT: &[&str] =
    &["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head", "select"];
/// Elements that begin and end on a line of their own.
pub(super) const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tr",
    "ul",
];
/// A tag whose quotes are not closed within so many bytes ends at its first `>`.
const TAG_BYTES: usize = 4 * 1024;

/// Where a tag ends: `>` inside quotes does not end it.
pub(super) fn end_of_tag(html: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate().take(TAG_BYTES) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    html.find('>')
}

/// What follows the end tag of a script or a style, beginning with that tag.
pub(super) fn behind_end<'h>(html: &'h str, name: &str) -> &'h str {
    let mut from = 0;
    while let Some(at) = html[from..].find("</") {
        let start = from + at;
        if html[start + 2..].get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return &html[start..];
        }
        from = start + 2;
    }
    ""
}

pub(super) fn attribute(inside: &str, wanted: &str) -> Option<String> {
    let mut rest = inside;
    while let Some(at) = rest.find('=') {
        let name = rest[..at].trim_end().rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/')).next()?;
        let value = rest[at + 1..].trim_start();
        let (value, behind) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let end = value[1..].find(quote).map_or(value.len(), |end| end + 1);
                (&value[1..end], value.get(end + 1..).unwrap_or_default())
            }
            _ => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                (&value[..end], &value[end..])
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(entities(value));
        }
        rest = behind;
    }
    None
}
