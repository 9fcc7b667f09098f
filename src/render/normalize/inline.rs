//! What stands within a paragraph: code, links, formulas and runs of emphasis marks, from left to right.

use std::ops::Range;

use super::delimiters::Run;
use super::lines::{Prefix, Scan, line_at};
use super::{Edit, FORMULA, FORMULAS, Formula};
use crate::render::address;

/// How long a formula may be, in bytes.
pub(super) const FORMULA_BYTES: usize = 4096;
/// How long one between single dollars may be, in bytes.
const DOLLAR_BYTES: usize = 600;
/// How long the words of a link may be to be held back while they are written, in bytes.
const LABEL_BYTES: usize = 300;
/// How much of a link's address is looked at, in bytes.
const ADDRESS_BYTES: usize = 512;

/// The marks around a formula.
struct Marks {
    kind: usize,
    open: &'static str,
    close: &'static str,
    is_display: bool,
}

const ROUND: Marks = Marks { kind: 0, open: "\\(", close: "\\)", is_display: false };
const SQUARE: Marks = Marks { kind: 1, open: "\\[", close: "\\]", is_display: true };
const DOLLARS: Marks = Marks { kind: 2, open: "$$", close: "$$", is_display: true };

/// As a kind of mark.
const ENVIRONMENT: usize = 3;
const BEGIN: &str = "\\begin{";
/// Environments that are formulas without marks around them.
const ENVIRONMENTS: [&str; 8] = ["align", "aligned", "alignat", "equation", "gather", "eqnarray", "multline", "split"];

/// What one line has shown.
#[derive(Default)]
struct Line {
    /// Code and formulas.
    opaque: Vec<Range<usize>>,
    brackets: Vec<usize>,
}

impl Scan<'_> {
    /// Goes through a line from `from` on, and further where a formula spans lines; leaves `at` behind it.
    pub fn inline(&mut self, from: usize, prefix: &Prefix) {
        let (mut at, mut end) = (from, self.line_end(from));
        let mut line = Line::default();
        while at < end {
            let rest = &self.source[at..end];
            let formulas = self.formulas.len();
            let next = match rest.as_bytes()[0] {
                b'\\' => self.backslash(at, prefix),
                b'`' => match self.ticks(at, end, &mut line) {
                    Some(next) => next,
                    None if at > from && rest.starts_with("```") && self.open_fence_behind_words(at, prefix) => {
                        self.end_paragraph();
                        self.at = self.line_end(at);
                        return;
                    }
                    None => at + run_length(rest),
                },
                b'$' => self.dollar(at, end, prefix),
                b'*' | b'~' | b'_' => self.run_of_marks(at, from, end),
                b'[' => {
                    line.brackets.truncate(32);
                    line.brackets.push(at);
                    at + 1
                }
                b']' => self.bracket(at, end, &mut line),
                b'<' => at + angle_length(rest),
                b'h' => at + address::length(rest).max(1),
                b'|' if self.columns > 0 => {
                    self.delimiters.clear();
                    at + 1
                }
                _ => at + rest.find(is_special).unwrap_or(rest.len()).max(1),
            };
            if self.cut.is_some() {
                self.cut_open_bracket(&line, end);
            }
            if let Some(cut) = self.cut {
                if self.columns > 0 && cut > from {
                    self.row(from, cut, &line.opaque);
                }
                self.at = self.source.len();
                return;
            }
            if self.formulas.len() > formulas {
                line.opaque.push(at..next);
            }
            if next > end {
                end = self.line_end(next.min(self.source.len()));
            }
            at = next;
        }
        if self.columns > 0 {
            self.row(from, end, &line.opaque);
            if !self.is_last_line(end) {
                self.delimiters.clear();
            }
        }
        self.cut_open_bracket(&line, end);
        self.at = end;
    }

    /// What may still become a link is held back.
    fn cut_open_bracket(&mut self, line: &Line, end: usize) {
        if let Some(bracket) = line.brackets.iter().find(|at| end - **at <= LABEL_BYTES)
            && self.is_last_line(end)
        {
            self.cut_at(*bracket);
        }
    }

    fn line_end(&self, at: usize) -> usize {
        at + line_at(self.source, at).len()
    }

    /// Whether the line that ends at `end` is still being written.
    fn is_last_line(&self, end: usize) -> bool {
        self.is_partial && end == self.source.len() && !self.source.ends_with('\n')
    }

    fn backslash(&mut self, at: usize, prefix: &Prefix) -> usize {
        let rest = &self.source[at..];
        let marks = match rest.as_bytes().get(1) {
            Some(b'(') => &ROUND,
            Some(b'[') => &SQUARE,
            Some(b'b') => return self.environment(at, prefix).unwrap_or(at + 2),
            // The key of that name: the tag is no less one for it.
            Some(b'<') if rest[1..].starts_with("</kbd>") => {
                self.insert(at, "\\");
                return at + 1;
            }
            _ => return at + 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        self.formula(at, marks, prefix).unwrap_or(at + 2)
    }

    fn dollar(&mut self, at: usize, end: usize, prefix: &Prefix) -> usize {
        if self.source[at..].starts_with("$$") {
            return self.formula(at, &DOLLARS, prefix).unwrap_or(at + 2);
        }
        let before = self.source[..at].chars().next_back();
        match dollar_content(&self.source[at + 1..end], before) {
            Dollar::Formula(length) if at + length + 2 < end || !self.is_last_line(end) => {
                let range = at..at + length + 2;
                let tex = self.source[at + 1..range.end - 1].to_owned();
                self.accept(Formula { source: range.clone(), tex, is_display: false });
                range.end
            }
            Dollar::Formula(_) | Dollar::Open if self.is_last_line(end) => {
                self.cut_at(at);
                at + 1
            }
            _ => at + 1,
        }
    }

    /// A formula that begins at `at`, and where it ends.
    fn formula(&mut self, at: usize, marks: &Marks, prefix: &Prefix) -> Option<usize> {
        let from = at + marks.open.len();
        let limit = self.paragraph_end(at).min(from + FORMULA_BYTES);
        let limit = if self.columns > 0 { limit.min(self.line_end(at)) } else { limit };
        let search_from = from.max(self.no_end_until[marks.kind]).min(limit);
        let bytes = self.source.as_bytes();
        let close = marks.close.as_bytes();
        let found = (search_from..limit).find(|at| bytes[*at..limit].starts_with(close));
        let Some(close_at) = found else {
            if self.is_partial && limit == self.source.len() && from + FORMULA_BYTES > limit {
                self.cut_at(at);
            } else {
                self.no_end_until[marks.kind] = limit.saturating_sub(close.len()).max(self.no_end_until[marks.kind]);
            }
            return None;
        };
        let tex = without_prefixes(&self.source[from..close_at], prefix);
        if tex.trim().is_empty() || !is_plausible(&tex, marks) {
            return None;
        }
        let range = at..close_at + marks.close.len();
        self.accept(Formula { source: range.clone(), tex, is_display: marks.is_display });
        Some(range.end)
    }

    /// A formula that stands in its environment alone, and where it ends.
    fn environment(&mut self, at: usize, prefix: &Prefix) -> Option<usize> {
        let rest = &self.source[at..];
        let name = rest.strip_prefix(BEGIN).and_then(|name| name.split_once('}')).map_or("", |(name, _)| name);
        let may_become = BEGIN.starts_with(rest) || rest.starts_with(BEGIN) && rest.len() < BEGIN.len() + 12;
        if !ENVIRONMENTS.contains(&name.trim_end_matches('*')) {
            if self.is_partial && may_become && !rest.contains(['}', ' ', '\n']) {
                self.cut_at(at);
            }
            return None;
        }
        // Where one has no end, those behind it are not searched again.
        if at < self.no_end_until[ENVIRONMENT] {
            return None;
        }
        let limit = self.paragraph_end(at).min(at + FORMULA_BYTES);
        let limit = if self.columns > 0 { limit.min(self.line_end(at)) } else { limit };
        let close = format!("\\end{{{name}}}");
        let found = self.source.as_bytes()[at..limit].windows(close.len()).position(|bytes| bytes == close.as_bytes());
        let Some(found) = found else {
            if self.is_partial && limit == self.source.len() && at + FORMULA_BYTES > limit {
                self.cut_at(at);
            }
            self.no_end_until[ENVIRONMENT] = limit;
            return None;
        };
        let range = at..at + found + close.len();
        let tex = without_prefixes(&self.source[range.clone()], prefix);
        self.accept(Formula { source: range.clone(), tex, is_display: true });
        Some(range.end)
    }

    fn accept(&mut self, formula: Formula) {
        if !self.may_stand_in || self.formulas.len() >= FORMULAS {
            return;
        }
        let stand_in = u32::try_from(self.formulas.len()).ok().and_then(|index| char::from_u32(FORMULA + index));
        if let Some(stand_in) = stand_in {
            self.complete = formula.source.end;
            self.edits.push(Edit { range: formula.source.clone(), insert: stand_in.to_string().into() });
            self.formulas.push(formula);
        }
    }

    fn paragraph_end(&mut self, at: usize) -> usize {
        if self.paragraph_end <= at {
            let mut end = at;
            while end < self.source.len() {
                let line = line_at(self.source, end);
                if end > at && line.trim_matches([' ', '\t', '\r', '\n', '>']).is_empty() {
                    break;
                }
                end += line.len();
            }
            self.paragraph_end = end;
        }
        self.paragraph_end
    }

    /// Code in the line, and where it ends; `None` when these ticks open nothing.
    fn ticks(&mut self, at: usize, end: usize, line: &mut Line) -> Option<usize> {
        let rest = &self.source[at..end];
        let length = run_length(rest);
        let mut from = length;
        while let Some(found) = rest[from..].find('`') {
            let run = run_length(&rest[from + found..]);
            if run == length {
                line.opaque.push(at..at + from + found + run);
                self.complete = at + from + found + run;
                return Some(at + from + found + run);
            }
            from += found + run;
        }
        if !self.is_last_line(end) {
            return None;
        }
        if length >= 3 || rest.trim_end().len() == length {
            self.cut_at(at);
            return Some(end);
        }
        self.open_code = Some(if length == 1 { "`" } else { "``" });
        line.opaque.push(at..end);
        Some(end)
    }

    fn run_of_marks(&mut self, at: usize, from: usize, end: usize) -> usize {
        let rest = &self.source[at..end];
        let (mark, length) = (rest.as_bytes()[0], run_length(rest));
        if rest.len() == length && self.is_last_line(end) {
            return end; // it may get longer
        }
        if self.may_stand_in && length <= 3 && (mark != b'~' || length == 2) {
            let before = if at == from { '\n' } else { self.source[..at].chars().next_back().unwrap_or('\n') };
            let after = rest[length..].chars().next().unwrap_or('\n');
            if self.delimiters.add(Run { at, length, mark, before, after }, &mut self.edits) {
                self.complete = at + length;
            }
        }
        at + length
    }

    /// A closing bracket, and the address behind it.
    fn bracket(&mut self, at: usize, end: usize, line: &mut Line) -> usize {
        let Some(open) = line.brackets.pop() else { return at + 1 };
        let open = line.brackets.first().copied().filter(|outer| end - outer <= LABEL_BYTES).unwrap_or(open);
        let rest = &self.source[at + 1..end];
        if !rest.starts_with('(') {
            let may_go_on = rest.is_empty() || rest.starts_with(':') && rest.len() <= 2;
            if may_go_on && self.is_last_line(end) {
                self.cut_at(open);
            }
            return at + 1;
        }
        let length = address_length(rest);
        if length.is_none() && self.is_last_line(end) && rest.len() < ADDRESS_BYTES {
            self.cut_at(open);
        }
        at + 1 + length.unwrap_or(1)
    }
}

/// The length of `(address)` when it has no blanks.
fn address_length(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().take(ADDRESS_BYTES).enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            b' ' | b'\n' => return None,
            _ => {}
        }
    }
    None
}

/// The length of an address in angle brackets, or of a tag without blanks.
fn angle_length(text: &str) -> usize {
    let end = text.bytes().take(ADDRESS_BYTES).skip(1).position(|byte| matches!(byte, b'>' | b'<' | b' ' | b'\n'));
    end.filter(|end| text.as_bytes()[end + 1] == b'>').map_or(1, |end| end + 2)
}

fn is_special(c: char) -> bool {
    matches!(c, '\\' | '`' | '$' | '*' | '~' | '_' | '[' | ']' | '<' | 'h' | '|')
}

fn run_length(text: &str) -> usize {
    let first = text.as_bytes()[0];
    text.bytes().take_while(|byte| *byte == first).count()
}

/// The lines of a formula without the marks of the quote or list that it stands in.
fn without_prefixes(tex: &str, prefix: &Prefix) -> String {
    let strip = |line: &str| match prefix.quotes {
        0 => line.to_owned(),
        _ => line.trim_start_matches([' ', '>']).to_owned(),
    };
    let mut lines = tex.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.map(strip).fold(first, |text, line| text + "\n" + &line)
}

/// Brackets are escaped for other reasons, too: `\[1\]`, `\(see below\)`.
fn is_plausible(tex: &str, marks: &Marks) -> bool {
    let has_operator = tex.contains(['\\', '^', '_', '=', '+', '-', '*', '/', '<', '>', '|', '{']);
    match marks.kind {
        0 => has_operator || !tex.trim().contains(' '),
        1 => has_operator,
        _ => true,
    }
}

enum Dollar {
    Formula(usize),
    /// It may become one.
    Open,
    No,
}

/// Whether the text behind a single dollar is a formula, and not money or a shell's variable.
fn dollar_content(text: &str, before: Option<char>) -> Dollar {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '$';
    if before.is_some_and(is_word) || text.starts_with([' ', '\t', '\n', '\r', '$']) {
        return Dollar::No;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len().min(DOLLAR_BYTES) {
        match bytes[at] {
            b'\\' => at += 1,
            b'`' | b'\n' => return Dollar::No,
            b'$' => {
                let content = &text[..at];
                let is_closed = !content.ends_with([' ', '\t']) && !text[at + 1..].starts_with(is_word);
                return if is_closed && is_formula(content) { Dollar::Formula(at) } else { Dollar::No };
            }
            _ => {}
        }
        at += 1;
    }
    let may_be = at >= bytes.len() && text.len() < 300 && (text.is_empty() || is_formula(text.trim_end()));
    if may_be { Dollar::Open } else { Dollar::No }
}

fn is_formula(content: &str) -> bool {
    let has_operator = content.contains(['\\', '^', '_', '=', '<', '>', '{', '+']);
    let is_sentence = content.contains(['，', '。', '；', '：', '、', '！', '？']) && !content.contains("\\text");
    let is_money = content.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && !has_operator
        && !content.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./*-!',()".contains(&byte));
    let words = content.split(' ').map(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let has_words = !content.contains('\\') && words.clone().zip(words.skip(1)).any(|(one, next)| one && next);
    !content.is_empty() && !is_sentence && !is_money && !has_words
}
