//! Fences of code. A document in Markdown inside a fence has fences of its own: the outer one is made longer than they
//! are. A fence that opens behind words gets a line of its own. Code that is less indented than the list item it stands in
//! is indented, because otherwise it would end the item.

use super::Edit;
use super::lines::{Fence, MARKERS, Prefix, Scan, fence_run, line_at};

/// What makes the fence around a Markdown document longer than those in it.
const LONGER: &str = "````````````````````````````````````````````````````````````````";
const LONGER_TILDES: &str = "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";
/// How much of a fence's first line is repeated where its code is cut, in characters.
const OPENING_CHARS: usize = 100;
const SPACES: &str = "                                                                                                ";

impl Scan<'_> {
    /// Whether the line, from `at` on, opens a fence.
    pub(super) fn open_fence(&mut self, prefix: &Prefix, line: &str, at: usize) -> bool {
        let content = &line[at..];
        let is_indented_code = prefix.item_column == 0 && prefix.column >= self.item_column + 4;
        let Some((mark, length)) = fence_run(content).filter(|_| !is_indented_code) else { return false };
        let info = content[length..].trim();
        if mark == b'`' && info.contains('`') {
            return false;
        }
        let word = info.split([' ', '\t', ',', '{']).next().unwrap_or_default();
        let is_markdown = ["markdown", "md", "mdx"].iter().any(|known| word.eq_ignore_ascii_case(known));
        if is_markdown {
            self.insert(self.at + at, longer(mark));
        }
        let column = if prefix.column >= self.item_column { self.item_column } else { 0 };
        let quotes = prefix.quotes;
        let opening = format!("{}\n", content.trim_end().chars().take(OPENING_CHARS).collect::<String>());
        self.fence = Some(Fence { mark, length, quotes, column, is_markdown, opening, inner: None, may_open: false });
        (self.columns, self.is_after_blank) = (0, false);
        true
    }

    /// A fence behind words, which goes to a line of its own. `from` is where the run of marks begins.
    pub(super) fn open_fence_behind_words(&mut self, from: usize, prefix: &Prefix) -> bool {
        let line_start = self.source[..from].rfind('\n').map_or(0, |newline| newline + 1);
        let line = line_at(self.source, line_start);
        let at = from - line_start;
        let info = line[at..].trim_start_matches('`').trim_end();
        let is_word = info.len() <= 20 && info.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_.".contains(c));
        let is_complete = !self.is_partial || line.ends_with('\n');
        let is_indented_code = prefix.item_column == 0 && prefix.column >= self.item_column + 4;
        if !is_word || !is_complete || self.columns > 0 || is_indented_code {
            return false;
        }
        let column = prefix.column.min(SPACES.len());
        let quotes = "> ".repeat(prefix.quotes.min(MARKERS));
        let insert = format!("\n{quotes}{}", &SPACES[..column.saturating_sub(quotes.len())]);
        self.edits.push(Edit { range: from..from, insert: insert.into() });
        self.at = line_start;
        self.open_fence(prefix, line, at)
    }

    /// A line inside a fence; false when the fence's container is over, and the line is not code any more.
    pub(super) fn fence_line(&mut self, line: &str) -> bool {
        let Some(fence) = &mut self.fence else { return false };
        let Some(at) = behind_quotes(line, fence.quotes) else {
            self.fence = None;
            self.is_after_blank = true;
            return false;
        };
        let content = line[at..].trim_start_matches([' ', '\t']);
        let bare = content.trim_end();
        let indent = line.len() - at - content.len();
        if !bare.is_empty() && fence.quotes == 0 && indent < fence.column {
            let spaces = &SPACES[..(fence.column - indent).min(SPACES.len())];
            self.edits.push(Edit { range: self.at..self.at, insert: spaces.into() });
        }
        let may_open = std::mem::replace(&mut fence.may_open, bare.is_empty() || bare.ends_with([':', '：']));
        let Some((mark, length)) = fence_run(content).filter(|_| indent < fence.column + 4) else { return true };
        let is_bare = bare.len() == length;
        if let Some((inner_mark, inner_length)) = fence.inner {
            if is_bare && mark == inner_mark && length >= inner_length {
                fence.inner = None;
            }
            return true;
        }
        let next = &self.source[self.at + line.len()..];
        let opens = !is_bare || may_open && !line_at(next, 0).trim().is_empty();
        if fence.is_markdown && opens && length <= fence.length.max(3) + 1 && (!is_bare || length >= fence.length) {
            fence.inner = Some((mark, length));
        } else if is_bare && mark == fence.mark && length >= fence.length {
            if fence.is_markdown {
                let extra = longer(fence.mark);
                self.insert(self.at + line.len() - content.len(), extra);
            }
            self.fence = None;
            self.is_after_blank = true;
        }
        true
    }
}

fn longer(mark: u8) -> &'static str {
    if mark == b'`' { LONGER } else { LONGER_TILDES }
}

/// Where the text behind that many quote markers begins.
fn behind_quotes(line: &str, quotes: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut at = 0;
    for _ in 0..quotes {
        at += bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if bytes.get(at) != Some(&b'>') {
            return None;
        }
        at += 1;
    }
    Some(at)
}
