//! A text that is still being written: which part of its end is decided.
//!
//! What may still become something else is left out: half a fence, a table's head before its second line, half a link or
//! formula. What is open and certain, emphasis and code, is closed instead, so that its words appear as they come.

use super::Edit;
use super::lines::fence_run;
use super::lines::{Scan, prefix};

/// How much of a last line is held back while it may still become anything, in bytes.
const UNDECIDED_BYTES: usize = 16;
/// The same for one that does not begin with a pipe.
const PROSE_BYTES: usize = 200;
/// How long a tag or an address in angle brackets may be to be held back, in bytes.
const TAG_BYTES: usize = 24;
const ADDRESS_BYTES: usize = 512;
/// How long the head of a table may be to be held back, in bytes.
const HEAD_BYTES: usize = 2048;

/// Without lines at the end that are not decided as blocks.
pub(super) fn decided_lines(text: &str) -> &str {
    let last = text.rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let line = &text[last..];
    let is_mark = |byte: u8| byte.is_ascii_punctuation() || byte.is_ascii_digit() || byte == b' ';
    let content = &line[prefix(line).length..];
    let is_fence = fence_run(content).is_some();
    let is_tag = content.len() <= HEAD_BYTES && is_details_tag(content);
    let text = match line.len() <= UNDECIDED_BYTES && line.bytes().all(is_mark) || is_fence || is_tag {
        true => &text[..last],
        false => text,
    };
    without_head(text)
}

fn is_details_tag(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["<details", "<summary", "</details"]
        .iter()
        .any(|tag| line.starts_with(tag) || tag.starts_with(&line) && !line.is_empty())
}

/// Without the first line of what may become a table.
fn without_head(text: &str) -> &str {
    let trimmed = text.trim_end_matches(['\n', '\r']);
    let start = trimmed.rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let line = &trimmed[start..];
    let content = &line[prefix(line).length..];
    if content.starts_with("[!") {
        return &text[..start]; // a call-out's words say in which language its title is
    }
    if text.len() - trimmed.len() > 2 || text.ends_with("\n\n") {
        return text;
    }
    if !has_pipe(content) {
        return text;
    }
    let before = text[..start].trim_end_matches(['\n', '\r']);
    let is_delimiter = |line: &str| line.contains('-') && line.bytes().all(|byte| b"|-: ".contains(&byte));
    if is_delimiter(content) {
        // Until it is complete it may be the wrong number of columns.
        let head = before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
        return if text.ends_with('\n') { text } else { &text[..head] };
    }
    // A row of a table that has begun stands below another line with pipes.
    let above = &before[before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1)..];
    let has_above = before.len() + 1 >= start.saturating_sub(1) && above[prefix(above).length..].contains('|');
    if has_above { text } else { &text[..start] }
}

/// Whether this may be the head of a table.
fn has_pipe(line: &str) -> bool {
    let is_outside = |at: usize| line[..at].bytes().filter(|byte| *byte == b'`').count() % 2 == 0;
    line.starts_with('|') && line.len() <= HEAD_BYTES
        || line.len() <= PROSE_BYTES && line.find('|').is_some_and(is_outside)
}

impl<'a> Scan<'a> {
    /// Nothing from `at` on is shown.
    pub(super) fn cut_at(&mut self, at: usize) {
        let start = &self.source[..at];
        let at = if start.ends_with('!') { at - 1 } else { at };
        self.cut = Some(self.cut.map_or(at, |cut| cut.min(at)));
    }

    /// Leaves out what is undecided at the end, and closes what is open.
    pub(super) fn cut_undecided(&mut self) -> &'a str {
        let whole = self.source.trim_end_matches([' ', '\n', '\r', '\\']).len();
        let mut end = self.cut.map_or(whole, |cut| cut.min(whole));
        let is_line_open = !self.source.ends_with(['\n', '\r']);
        loop {
            let line_start = self.source[..end].rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
            let line = &self.source[line_start..end];
            let decided = line_start + decided_length(line, is_line_open && end == whole);
            let code = self.open_code.map(|_| line_start + line.trim_end_matches('`').len());
            let decided = code.unwrap_or(decided);
            let cut = if self.complete <= end { decided.max(self.complete) } else { decided };
            let cut = self.delimiters.last_open_ends_at(cut).unwrap_or(cut);
            self.delimiters.cut(cut);
            if cut == end {
                break;
            }
            end = cut;
        }
        self.edits.retain(|edit| edit.range.end <= end);
        if let Some(ticks) = self.open_code.filter(|_| self.cut.is_none()) {
            let blank = if self.source[..end].ends_with('`') { " " } else { "" };
            self.edits.push(Edit { range: end..end, insert: format!("{blank}{ticks}").into() });
        }
        self.delimiters.close_all(end, &mut self.edits);
        &self.source[..end]
    }
}

/// How much of a last line is certain to mean what it says.
fn decided_length(line: &str, is_end: bool) -> usize {
    let content_at = prefix(line).length;
    if content_at == line.len() || content_at > 0 && matches!(&line[content_at..], "[ ]" | "[x]" | "[X]") {
        return 0; // only markers
    }
    if line[content_at..].trim_matches(['|', ' ']).is_empty() {
        return 0; // a row without a cell
    }
    if !is_end {
        return line.len();
    }
    let mut kept = line.trim_end_matches(['*', '_', '~', '`', '$', '[', '!', '<', '\\', '&']);
    if let Some(at) = kept.rfind('<')
        && kept.len() - at <= if kept[at + 1..].starts_with("http") { ADDRESS_BYTES } else { TAG_BYTES }
        && !kept[at..].contains('>')
        && kept[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
    {
        kept = &kept[..at];
    }
    if let Some(at) = kept.rfind('&')
        && kept.len() - at <= 10
        && kept[at + 1..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
    {
        kept = &kept[..at];
    }
    kept.len()
}
