//! A file that a person has given to a message. Its content lies below the person's container, by its digest.

use super::id::FileId;
use super::media::Media;

/// A name, in characters; longer ones are cut, their ending kept.
const NAME_CHARS: usize = 120;
const ENDING_CHARS: usize = 16;

/// As a message carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: FileId,
    pub name: String,
    pub media: Media,
    /// In bytes.
    pub size: u64,
}

/// A name for a file that is safe to show and to save under: no path, no control characters, nothing that turns the
/// direction of what stands around it.
pub fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let clean: String = last.chars().filter(|c| !is_odd(*c)).collect();
    let clean = clean.trim().trim_end_matches('.').trim_end();
    if clean.is_empty() {
        return "file".to_owned();
    }
    let length = clean.chars().count();
    if length <= NAME_CHARS {
        return clean.to_owned();
    }
    let ending = clean.rfind('.').map_or("", |dot| &clean[dot..]);
    let ending = if ending.chars().count() <= ENDING_CHARS { ending } else { "" };
    let kept: String = clean.chars().take(NAME_CHARS - ending.chars().count()).collect();
    kept + ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_plain() {
        let check = |name: &str, expected: &str| assert_eq!(plain_name(name), expected, "{name:?}");
        check("report.pdf", "report.pdf");
        check("图 片.png", "图 片.png");
        check("../../etc/passwd", "passwd");
        check("C:\\Users\\a\\b.txt", "b.txt");
        check("a\r\nSet-Cookie: x", "aSet-Cookie: x");
        check("evil\u{202e}gnp.exe", "evilgnp.exe");
        check("", "file");
        check("..", "file");
        check("/", "file");
        check(" . ", "file");
        check(&format!("{}.png", "x".repeat(500)), &format!("{}.png", "x".repeat(116)));
        check(&"长".repeat(500), &"长".repeat(120));
    }
}
