//! What is done to the source before it is parsed. Models write Markdown as people read it, not as CommonMark decides
//! it; these edits make the parser see what was meant. [`lines`] knows blocks (fences, tables, nesting), [`inline`]
//! what stands within a paragraph (emphasis, formulas), [`partial`] what a text that is still being written has not
//! decided yet.
//!
//! Nothing is lost: an edit either adds characters that Markdown consumes, or *stand-ins*, characters that are not used
//! in text and that the writer removes again, or puts a stand-in for a formula, whose source is kept.

use std::borrow::Cow;
use std::ops::Range;

mod delimiters;
mod fences;
mod inline;
mod lines;
mod partial;

/// DOUBLE SUSPENSION MARK, a punctuation mark of medieval Latin: stands in as the punctuation that emphasis wants on its
/// outer side.
const JOINT: char = '\u{2e44}';
/// OGHAM SPACE MARK: with a blank on both sides a mark is no emphasis.
const BLANK: char = '\u{1680}';
/// The last private character stands in as the letter that emphasis wants on its inner side.
const LETTER: char = '\u{10fffd}';
/// Formulas are stood in for by private characters from here on.
const FORMULA: u32 = 0x10_0000;
/// Formulas in one text; more stand as they were written.
const FORMULAS: usize = 4096;

/// A formula as it was written.
pub struct Formula {
    pub source: Range<usize>,
    /// What stands between its marks, without the prefixes of quotes and lists.
    pub tex: String,
    pub is_display: bool,
}

pub struct Normalized<'a> {
    pub text: Cow<'a, str>,
    pub source: &'a str,
    /// Whether stand-ins may be in the text, and so have to be removed.
    pub has_stand_ins: bool,
    /// The line that opens a fence again which is open at the end, where it stands in no quote or list.
    pub open_fence: Option<String>,
    formulas: Vec<Formula>,
    /// For each edit: where it ends in `text`, and where in the source.
    edits: Vec<(usize, usize)>,
}

impl Normalized<'_> {
    /// The offset in the source for one in `text`.
    pub fn source_offset(&self, offset: usize) -> usize {
        match self.edits.partition_point(|(end, _)| *end <= offset) {
            0 => offset,
            after => {
                let (end, source) = self.edits[after - 1];
                (source + offset - end).min(self.source.len())
            }
        }
    }

    /// The formula that this character stands for.
    pub fn formula(&self, c: char) -> Option<&Formula> {
        self.formulas.get(u32::from(c).checked_sub(FORMULA)? as usize).filter(|_| self.has_stand_ins)
    }

    /// `text` without stand-ins, formulas as they were written.
    pub fn original<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.has_stand_ins || !text.contains(is_stand_in) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match self.formula(c) {
                Some(formula) => out.push_str(&self.source[formula.source.clone()]),
                None if is_stand_in(c) => {}
                None => out.push(c),
            }
        }
        Cow::Owned(out)
    }
}

pub fn is_stand_in(c: char) -> bool {
    matches!(c, JOINT | BLANK) || u32::from(c) >= FORMULA
}

/// Replaces a range of the source.
struct Edit {
    range: Range<usize>,
    insert: Cow<'static, str>,
}

/// A whole text.
pub fn normalize(source: &str) -> Normalized<'_> {
    lines::Scan::new(source, false).run()
}

/// A text that goes on: what is not decided is left out, what is open is closed.
pub fn normalize_partial(source: &str) -> Normalized<'_> {
    lines::Scan::new(partial::decided_lines(source), true).run()
}

fn apply(source: &str, mut edits: Vec<Edit>, formulas: Vec<Formula>, has_stand_ins: bool) -> Normalized<'_> {
    if edits.is_empty() {
        return Normalized {
            text: Cow::Borrowed(source),
            source,
            has_stand_ins: false,
            open_fence: None,
            formulas,
            edits: Vec::new(),
        };
    }
    edits.sort_by_key(|edit| edit.range.start);
    let mut text = String::with_capacity(source.len() + edits.len() * LETTER.len_utf8());
    let mut ends = Vec::with_capacity(edits.len());
    let mut done = 0;
    for Edit { range, insert } in edits {
        if range.start < done {
            continue; // inside of what another edit has replaced
        }
        text.push_str(&source[done..range.start]);
        text.push_str(&insert);
        done = range.end;
        ends.push((text.len(), done));
    }
    text.push_str(&source[done..]);
    Normalized { text: Cow::Owned(text), source, has_stand_ins, open_fence: None, formulas, edits: ends }
}

#[cfg(test)]
mod tests;
