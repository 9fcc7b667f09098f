//! Emphasis. CommonMark lets `**` open or close by what stands beside it, a rule for languages with blanks: in
//! `**注意：**不要`, `是**￥100**元` or `**C++**语言` the asterisks would stay, and two such pairs in one paragraph would
//! turn bold inside out. Here marks are paired in the order in which they come, and stand-ins make the parser take each
//! for what it is.

use super::{BLANK, Edit, JOINT, LETTER};

/// Open marks that are remembered.
const OPEN: usize = 32;

/// A run of the same mark.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub at: usize,
    pub length: usize,
    pub mark: u8,
    pub before: char,
    pub after: char,
}

#[derive(Default)]
pub(super) struct Delimiters {
    open: Vec<Run>,
}

impl Run {
    fn end(&self) -> usize {
        self.at + self.length
    }

    fn can_open(&self) -> bool {
        let is_within_word = self.mark == b'_' && self.before.is_alphanumeric();
        !self.after.is_whitespace() && !")]}）》”」】".contains(self.after) && !is_within_word
    }

    fn can_close(&self) -> bool {
        let is_within_word = self.mark == b'_' && self.after.is_alphanumeric();
        !self.before.is_whitespace() && !"([{（《“「【".contains(self.before) && !is_within_word
    }

    /// `src/**/*.rs` and `2**3**4` are no emphasis.
    fn is_other(&self) -> bool {
        let is_path = self.before == '/' && matches!(self.after, '/' | '.');
        self.mark == b'*' && (is_path || self.before.is_ascii_digit() && self.after.is_ascii_digit())
    }

    /// Whether the parser takes it without help as what opens (`outer` stands before) or closes (`outer` stands behind).
    fn is_plain(outer: char, inner: char) -> bool {
        let is_outside = outer.is_whitespace() || is_punctuation(outer);
        is_outside && !is_punctuation(inner)
    }
}

fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { !c.is_alphanumeric() && !c.is_whitespace() }
}

impl Delimiters {
    pub fn clear(&mut self) {
        self.open.clear();
    }

    /// Forgets runs that begin at `at` or behind it.
    pub fn cut(&mut self, at: usize) {
        self.open.retain(|run| run.at < at);
    }

    /// The last open run, when nothing but blanks stands behind it.
    pub fn last_open_ends_at(&self, end: usize) -> Option<usize> {
        self.open.last().filter(|run| run.end() == end).map(|run| run.at)
    }

    /// Takes the next run, and says whether it closes another.
    pub fn add(&mut self, run: Run, edits: &mut Vec<Edit>) -> bool {
        if run.is_other() {
            put(edits, run.at, BLANK);
            put(edits, run.end(), BLANK);
            return false;
        }
        if run.can_close()
            && let Some(partner) = self.open.iter().rposition(|open| (open.mark, open.length) == (run.mark, run.length))
        {
            pair(self.open[partner], run, edits);
            self.open.truncate(partner);
            return true;
        }
        if run.can_close()
            && run.length == 3
            && let [.., outer, inner] = self.open[..]
            && outer.mark == run.mark
            && inner.mark == run.mark
            && outer.length + inner.length == 3
        {
            let (first, second) = (inner.length, outer.length);
            pair(inner, Run { length: first, after: run.mark.into(), ..run }, edits);
            let rest = Run { at: run.at + first, length: second, before: LETTER, ..run };
            pair(outer, rest, edits);
            self.open.truncate(self.open.len() - 2);
            return true;
        }
        if run.can_open() {
            if self.open.len() >= OPEN {
                self.open.remove(0);
            }
            self.open.push(run);
        }
        false
    }

    /// What closes everything that is open at `end`, the innermost first.
    pub fn close_all(&mut self, end: usize, edits: &mut Vec<Edit>) {
        while let Some(open) = self.open.pop() {
            if open.is_other() || open.mark == b'*' && open.length == 1 && open.before.is_ascii_alphanumeric() {
                continue;
            }
            let marks = char::from(open.mark).to_string().repeat(open.length);
            force_open(open, edits);
            edits.push(Edit { range: end..end, insert: format!("{LETTER}{marks}{JOINT}").into() });
        }
    }
}

fn pair(open: Run, close: Run, edits: &mut Vec<Edit>) {
    let is_foreign = [open.before, open.after, close.before, close.after].iter().any(|c| !c.is_ascii());
    if open.mark == b'_' || open.length == 1 && !is_foreign {
        return; // CommonMark's rules are the better guess
    }
    if !Run::is_plain(open.before, open.after) {
        force_open(open, edits);
    }
    if !Run::is_plain(close.after, close.before) {
        put(edits, close.at, LETTER);
        put(edits, close.end(), JOINT);
    }
}

fn force_open(open: Run, edits: &mut Vec<Edit>) {
    put(edits, open.at, JOINT);
    put(edits, open.end(), LETTER);
}

fn put(edits: &mut Vec<Edit>, at: usize, stand_in: char) {
    edits.push(Edit { range: at..at, insert: stand_in.to_string().into() });
}
