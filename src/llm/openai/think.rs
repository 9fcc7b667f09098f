//! Thinking that a model writes into its text, between `<think>` and `</think>` at the very beginning.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Parts text from thinking while it comes, tags cut across pieces included.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    state: Section,
    /// What may be the beginning of a tag.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Section {
    #[default]
    Beginning,
    Thinking,
    /// Blank lines behind the thinking belong to nothing.
    Behind,
    Text,
}

#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Thinking(String),
    Text(String),
}

impl Thinking {
    pub(super) fn take(&mut self, piece: &str) -> Vec<Piece> {
        let mut out = Vec::new();
        if self.state == Section::Text && self.held.is_empty() {
            out.push(Piece::Text(piece.to_owned()));
            return out;
        }
        self.held.push_str(piece);
        loop {
            let before = self.state;
            match self.state {
                Section::Beginning => {
                    let start = self.held.trim_start();
                    if let Some(rest) = start.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        self.state = Section::Thinking;
                    } else if !OPEN.starts_with(start) {
                        self.state = Section::Text;
                    }
                }
                Section::Thinking => {
                    if let Some((thought, rest)) = self.held.split_once(CLOSE) {
                        out.push(Piece::Thinking(thought.to_owned()));
                        self.held = rest.to_owned();
                        self.state = Section::Behind;
                    } else {
                        let kept = (1..CLOSE.len()).rev().find(|n| self.held.ends_with(&CLOSE[..*n])).unwrap_or(0);
                        let rest = self.held.split_off(self.held.len() - kept);
                        out.push(Piece::Thinking(std::mem::replace(&mut self.held, rest)));
                    }
                }
                Section::Behind => {
                    self.held = self.held.trim_start().to_owned();
                    if !self.held.is_empty() {
                        self.state = Section::Text;
                    }
                }
                Section::Text => out.push(Piece::Text(std::mem::take(&mut self.held))),
            }
            if self.state == before {
                return out;
            }
        }
    }

    /// What was held back when nothing more comes.
    pub(super) fn end(&mut self) -> Piece {
        let held = std::mem::take(&mut self.held);
        if self.state == Section::Thinking { Piece::Thinking(held) } else { Piece::Text(held) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_wherever_they_are_cut() {
        let check = |text: &str, thought: &str, said: &str| {
            for size in 1..=text.len() {
                let (mut thinking, mut seen) = (Thinking::default(), (String::new(), String::new()));
                let mut put = |piece: Piece| match piece {
                    Piece::Thinking(text) => seen.0.push_str(&text),
                    Piece::Text(text) => seen.1.push_str(&text),
                };
                for piece in text.as_bytes().chunks(size) {
                    thinking.take(std::str::from_utf8(piece).expect("ASCII")).into_iter().for_each(&mut put);
                }
                put(thinking.end());
                assert_eq!((seen.0.as_str(), seen.1.as_str()), (thought, said), "{text:?} in pieces of {size}");
            }
        };
        check("plain", "", "plain");
        check("<think>hm</think>\n\nyes", "hm", "yes");
        check("\n<think>\na < b </thin </think>no", "\na < b </thin ", "no");
        check("<thinner>", "", "<thinner>");
        check("<think>never ends", "never ends", "");
        check("a <think> b", "", "a <think> b");
        check("<th", "", "<th");
    }
}
