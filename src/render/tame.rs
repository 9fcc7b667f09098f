//! What is done to the source before it is parsed: two small edits, both taken back or invisible in the result.
//!
//! *Nesting.* Every container that is open costs work on every line, so a line that opens ten thousand quotes makes the
//! parser quadratic. Past [`MARKERS`] on one line or [`COLUMNS`] from its beginning a marker gets a backslash and is
//! text. Nobody writes such a line; those who do see a backslash at worst.
//!
//! *Chinese emphasis.* CommonMark lets `**` close only where no letter follows a punctuation mark before it, a rule for
//! languages with blanks: in `**注意：**不要` and `用**`ls`**看` the asterisks would stay. A mark that nobody uses stands
//! in as the neighbour that the rule wants ([`JOINT`]), and the writer removes it again.

use std::borrow::Cow;

/// Quote, list and note markers at the beginning of one line.
const MARKERS: usize = 24;
/// How far from the beginning of a line a marker may stand, in columns; a list takes at least two of them a level.
const COLUMNS: usize = 96;

/// DOUBLE SUSPENSION MARK, a punctuation mark of medieval Latin.
pub const JOINT: char = '\u{2e44}';

pub struct Tamed<'a> {
    pub text: Cow<'a, str>,
    /// Whether [`JOINT`]s were put in, and so have to be removed.
    pub has_joints: bool,
    /// For each edit: where it ends in `text`, and the bytes put in up to there.
    edits: Vec<(usize, usize)>,
}

impl Tamed<'_> {
    /// The offset in the source for one in `text`.
    pub fn source_offset(&self, offset: usize) -> usize {
        match self.edits.partition_point(|(end, _)| *end <= offset) {
            0 => offset,
            after => offset - self.edits[after - 1].1,
        }
    }
}

pub fn tame(source: &str) -> Tamed<'_> {
    let mut edits: Vec<(usize, &str)> = Vec::new();
    let joint = JOINT.to_string();
    let may_join = !source.contains(JOINT);
    let mut line_at = 0;
    for line in source.split_inclusive(['\n', '\r']) {
        edits.extend(too_deep(line).map(|at| (line_at + at, "\\")));
        if may_join && !line.is_ascii() {
            edits.extend(joints(line).map(|at| (line_at + at, joint.as_str())));
        }
        line_at += line.len();
    }
    apply(source, &edits)
}

fn apply<'a>(source: &'a str, edits: &[(usize, &str)]) -> Tamed<'a> {
    if edits.is_empty() {
        return Tamed { text: Cow::Borrowed(source), has_joints: false, edits: Vec::new() };
    }
    let mut text = String::with_capacity(source.len() + edits.len() * JOINT.len_utf8());
    let mut ends = Vec::with_capacity(edits.len());
    let (mut done, mut added) = (0, 0);
    for (at, insert) in edits {
        text.push_str(&source[done..*at]);
        text.push_str(insert);
        done = *at;
        added += insert.len();
        ends.push((text.len(), added));
    }
    text.push_str(&source[done..]);
    let has_joints = edits.iter().any(|(_, insert)| *insert != "\\");
    Tamed { text: Cow::Owned(text), has_joints, edits: ends }
}

/// Where the first marker too many stands in this line.
fn too_deep(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let (mut at, mut column, mut markers) = (0, 0, 0);
    loop {
        match bytes.get(at)? {
            b' ' => column += 1,
            b'\t' => column += 4 - column % 4,
            _ => {
                let (escape_at, length) = marker(&line[at..])?;
                if markers >= MARKERS || column >= COLUMNS {
                    return Some(at + escape_at);
                }
                markers += 1;
                column += length;
                at += length;
                continue;
            }
        }
        at += 1;
    }
}

/// Where a backslash would disarm the container marker that `text` begins with, and the marker's length.
fn marker(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let blank_at = |at: usize| bytes.get(at).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    match bytes.first()? {
        b'>' => Some((0, 1)),
        b'-' | b'+' | b'*' => (blank_at(1) && !is_rule(bytes)).then_some((0, 1)),
        b'0'..=b'9' => {
            let digits = bytes.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
            (matches!(bytes.get(digits), Some(b'.' | b')')) && blank_at(digits + 1)).then_some((digits, digits + 1))
        }
        b'[' if bytes.get(1) == Some(&b'^') => text.find("]:").map(|end| (0, end + 2)),
        _ => None,
    }
}

/// `- - - - -` is a line across, however long.
fn is_rule(bytes: &[u8]) -> bool {
    let mut marks = 0;
    for byte in bytes {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            byte if *byte == bytes[0] => marks += 1,
            _ => return false,
        }
    }
    marks >= 3
}

/// Where in this line a joint makes asterisks open or close emphasis as they are meant to.
fn joints(line: &str) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + line[from..].find('*')?;
            let run = line[at..].bytes().take_while(|byte| *byte == b'*').count();
            from = at + run;
            let before = line[..at].chars().next_back();
            let after = line[from..].chars().next();
            let (Some(before), Some(after)) = (before, after) else { continue };
            if run > 3 || (before.is_ascii() && after.is_ascii()) {
                continue;
            }
            if before.is_alphanumeric() && opens(after) {
                return Some(at);
            }
            if after.is_alphanumeric() && ends(before) {
                return Some(from);
            }
        }
    })
}

/// Punctuation that emphasis may begin with.
fn opens(c: char) -> bool {
    "“‘（《〈【「『〔［｛([{<\"'`".contains(c)
}

/// Punctuation that emphasis may end with.
fn ends(c: char) -> bool {
    ":;,.!?)]}>\"'`%".contains(c)
        || matches!(
            c,
            '’' | '”' | '…' | '—' | '％' | '、' | '。' | '〉' | '》' | '」' | '』' | '】' | '〕' | '］' | '｝'
        )
        || matches!(c, '！' | '）' | '，' | '．' | '：' | '；' | '？' | '～')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sane_text_is_left_alone() {
        for text in [
            "",
            "a\n\n> > quoted\n- 1. *x*\n",
            "**bold** text",
            "- - - - - - - - - - - - - - - - - - - - - - - - - -\n",
        ] {
            assert!(matches!(tame(text).text, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn too_many_markers_are_escaped_once_a_line() {
        let deep = tame(&">".repeat(40)).text.into_owned();
        assert_eq!(deep, format!("{}\\{}", ">".repeat(24), ">".repeat(16)));
        let lists = format!("x\n{}y", "1. ".repeat(30));
        assert!(tame(&lists).text.contains("1\\. "));
        let far = format!("{}- x", " ".repeat(96));
        assert!(tame(&far).text.ends_with("\\- x"));
    }

    #[test]
    fn offsets_lead_back_to_the_source() {
        let source = "一**注意：**不\n二**“好”**的\n三";
        let tamed = tame(source);
        assert!(tamed.has_joints);
        for (offset, c) in tamed.text.char_indices().filter(|(_, c)| *c != JOINT) {
            assert!(source[tamed.source_offset(offset)..].starts_with(c), "{offset} {c}");
        }
    }
}
