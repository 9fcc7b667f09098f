//! The source line by line: which lines are code, which are a table, and how deep containers stand in each other.
//!
//! *Nesting.* Every container that is open costs work on every line, so a line that opens ten thousand quotes makes the
//! parser quadratic. Past [`MARKERS`] on one line or [`COLUMNS`] from its beginning a marker gets a backslash and is
//! text. No sane text has such a line.
//!
//! *Tables.* A pipe inside code is no cell's end, and cells beyond the last column belong to the last one; the parser
//! would drop them.

use std::ops::Range;

use super::delimiters::Delimiters;
use super::{BLANK, Edit, FORMULA, Formula, JOINT, Normalized, apply};

/// Quote, list and note markers at the beginning of one line.
pub(super) const MARKERS: usize = 24;
/// How far from the beginning of a line a marker may stand, in columns; a list takes at least two of them a level.
const COLUMNS: usize = 96;

pub(super) struct Scan<'a> {
    pub source: &'a str,
    pub is_partial: bool,
    pub at: usize,
    pub edits: Vec<Edit>,
    pub formulas: Vec<Formula>,
    /// The source has no character of its own that is used as a stand-in.
    pub may_stand_in: bool,
    pub delimiters: Delimiters,
    /// Up to where no end of a formula stands, for each kind of its marks.
    pub no_end_until: [usize; 4],
    pub paragraph_end: usize,
    /// Where a text that is still being written stops to be decided.
    pub cut: Option<usize>,
    /// The ticks of code that goes on.
    pub open_code: Option<&'static str>,
    /// Where the last code, formula, link or emphasis that is complete ends.
    pub complete: usize,
    /// Columns of the table that the line is in, or 0.
    pub columns: usize,
    pub(super) fence: Option<Fence>,
    /// Where the text of the last list item begins, or 0.
    pub(super) item_column: usize,
    pub(super) is_after_blank: bool,
}

/// A fence of code that is open.
pub(super) struct Fence {
    pub(super) mark: u8,
    pub(super) length: usize,
    pub(super) quotes: usize,
    pub(super) column: usize,
    pub(super) is_markdown: bool,
    /// The line that opens it, without what stands before.
    pub(super) opening: String,
    /// The fence inside the document that a Markdown fence holds.
    pub(super) inner: Option<(u8, usize)>,
    /// The line before ended with nothing or with a colon: a bare fence may open here.
    pub(super) may_open: bool,
}

/// The container markers that a line begins with.
pub(super) struct Prefix {
    pub length: usize,
    pub quotes: usize,
    pub column: usize,
    /// Where the text of the last list item in it begins, or 0.
    pub(super) item_column: usize,
    too_deep: Option<usize>,
}

impl<'a> Scan<'a> {
    pub fn new(source: &'a str, is_partial: bool) -> Self {
        Self {
            source,
            is_partial,
            at: 0,
            edits: Vec::new(),
            formulas: Vec::new(),
            may_stand_in: !source.contains(|c| matches!(c, JOINT | BLANK) || u32::from(c) >= FORMULA),
            delimiters: Delimiters::default(),
            no_end_until: [0; 4],
            paragraph_end: 0,
            cut: None,
            complete: 0,
            open_code: None,
            columns: 0,
            fence: None,
            item_column: 0,
            is_after_blank: true,
        }
    }

    pub fn run(mut self) -> Normalized<'a> {
        while self.at < self.source.len() {
            self.line();
        }
        self.end_paragraph();
        let mut source = self.source;
        if self.is_partial && self.fence.is_none() {
            source = self.cut_undecided();
        }
        let open_fence = self.fence.filter(|fence| fence.quotes == 0 && fence.column == 0).map(|fence| fence.opening);
        Normalized { open_fence, ..apply(source, self.edits, self.formulas, self.may_stand_in) }
    }

    pub fn end_paragraph(&mut self) {
        if !self.is_partial || self.at < self.source.len() {
            self.delimiters.clear();
        }
    }

    pub fn insert(&mut self, at: usize, text: &'static str) {
        self.edits.push(Edit { range: at..at, insert: text.into() });
    }

    fn line(&mut self) {
        let line = line_at(self.source, self.at);
        if self.fence.is_some() && self.fence_line(line) {
            self.at += line.len();
            return;
        }
        let mut prefix = prefix(line);
        if prefix.item_column > 0 && !self.may_begin_list(line) {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            prefix = Prefix { length: indent, quotes: 0, column: indent, item_column: 0, too_deep: prefix.too_deep };
        }
        if let Some(deep) = prefix.too_deep {
            self.insert(self.at + deep, "\\");
        }
        let content = &line[prefix.length..];
        if content.trim_end().is_empty() {
            self.end_paragraph();
            (self.columns, self.is_after_blank) = (0, true);
            self.at += line.len();
            return;
        }
        self.track_item(&prefix, content);
        if self.begins_block(&prefix, content) {
            self.end_paragraph();
        }
        if self.open_fence(&prefix, line, prefix.length) {
            self.at += line.len();
            return;
        }
        self.end_details(&prefix, content, line);
        if self.columns == 0 {
            self.columns = columns(self.source, self.at, content, line.len());
        }
        let from = self.at + prefix.length;
        self.inline(from, &prefix);
        self.is_after_blank =
            content.starts_with('#') || content.starts_with(['-', '*', '_']) && is_rule(content.as_bytes());
    }

    /// Within a paragraph only the number 1 begins a list: `2)` may be the end of a sentence.
    fn may_begin_list(&self, line: &str) -> bool {
        let content = line.trim_start();
        let is_other_number = content.starts_with(|c: char| c.is_ascii_digit())
            && !content.starts_with("1.")
            && !content.starts_with("1)");
        self.is_after_blank || self.item_column > 0 || !is_other_number
    }

    fn begins_block(&self, prefix: &Prefix, content: &str) -> bool {
        self.is_after_blank || prefix.item_column > 0 || self.columns > 0 || content.starts_with(['#', '|', '<'])
    }

    /// What stands behind the tags of `<details>` is Markdown again, although it would take an empty line for that.
    fn end_details(&mut self, prefix: &Prefix, content: &str, line: &str) {
        let tag = content.trim_end().to_ascii_lowercase();
        let next = self.at + line.len();
        let is_alone = tag == "<details>" || tag == "<details open>";
        let is_tag = tag.starts_with('<') && ["</summary>", "</details>"].iter().any(|end| tag.ends_with(end));
        let has_summary = || line_at(self.source, next).trim_start().to_ascii_lowercase().starts_with("<summary");
        if line.ends_with('\n') && (is_tag || is_alone && !has_summary()) {
            let insert = format!("{}\n", "> ".repeat(prefix.quotes));
            self.edits.push(Edit { range: next..next, insert: insert.into() });
        }
    }

    fn track_item(&mut self, prefix: &Prefix, content: &str) {
        let is_rule = content.starts_with(['-', '*', '_']) && is_rule(content.as_bytes());
        let is_block = content.starts_with('#') || is_rule || fence_run(content).is_some();
        if prefix.item_column > 0 {
            self.item_column = prefix.item_column;
        } else if (self.is_after_blank || is_block) && prefix.column < self.item_column {
            self.item_column = 0;
        }
    }

    /// Pipes of a table's row from `from` to `to`; those in `codes` belong to code.
    pub(super) fn row(&mut self, from: usize, to: usize, codes: &[Range<usize>]) {
        let row = self.source[from..to].trim_end();
        let bytes = row.as_bytes();
        let is_open = row.starts_with('|');
        let (mut cells, mut at, mut codes) = (if is_open { 0 } else { 1 }, 0, codes.iter().peekable());
        while at < bytes.len() {
            while codes.next_if(|code| code.end <= from + at).is_some() {}
            let in_code = codes.peek().is_some_and(|code| code.start <= from + at);
            match bytes[at] {
                b'\\' => at += 1,
                b'|' if in_code => self.insert(from + at, "\\"),
                b'|' if cells >= self.columns && at + 1 < bytes.len() => self.insert(from + at, "\\"),
                b'|' => cells += 1,
                _ => {}
            }
            at += 1;
        }
    }
}

pub(super) fn line_at(source: &str, at: usize) -> &str {
    let rest = &source[at..];
    let Some(end) = rest.find(['\n', '\r']) else { return rest };
    &rest[..end + if rest[end..].starts_with("\r\n") { 2 } else { 1 }]
}

/// How many columns the table has whose head is this line; 0 when it is none.
fn columns(source: &str, at: usize, content: &str, line_length: usize) -> usize {
    if !content.contains('|') {
        return 0;
    }
    let next = line_at(source, at + line_length);
    let row = next[prefix(next).length..].trim();
    if row.is_empty() || !row.contains('-') || !row.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ')) {
        return 0;
    }
    let row = row.strip_prefix('|').unwrap_or(row);
    row.strip_suffix('|').unwrap_or(row).split('|').count()
}

pub(super) fn prefix(line: &str) -> Prefix {
    let bytes = line.as_bytes();
    let mut prefix = Prefix { length: 0, quotes: 0, column: 0, item_column: 0, too_deep: None };
    let (mut at, mut column, mut markers, mut item_at) = (0, 0, 0, None);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' => column += 1,
            b'\t' => column += 4 - column % 4,
            _ => {
                let Some((escape_at, length)) = marker(&line[at..]) else { break };
                if markers >= MARKERS || column >= COLUMNS {
                    prefix.too_deep = Some(at + escape_at);
                    break;
                }
                markers += 1;
                column += length;
                at += length;
                item_at = (*byte != b'>').then_some(column);
                prefix.quotes += usize::from(*byte == b'>');
                continue;
            }
        }
        at += 1;
    }
    (prefix.length, prefix.column) = (at, column);
    prefix.item_column =
        item_at.map_or(0, |marker| if column <= marker + 4 { column.max(marker + 1) } else { marker + 1 });
    prefix
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

/// The mark and length of the fence that `content` begins with.
pub(super) fn fence_run(content: &str) -> Option<(u8, usize)> {
    let mark = *content.as_bytes().first().filter(|byte| matches!(byte, b'`' | b'~'))?;
    let length = content.bytes().take_while(|byte| *byte == mark).count();
    (length >= 3).then_some((mark, length))
}
