//! A text is parsed piece by piece, so that memory and the size of one block are bounded whatever a model writes: the
//! parser needs some fifty times its source. A piece ends where a top-level block does. A block that is longer than a
//! whole piece is cut at a line's end; code goes on in a block of its own.
//!
//! Link definitions and notes are only seen within a piece; answers are nearly always shorter than one.

use super::writer::{self, Page};

/// The longest text that is parsed at once, in bytes.
pub const PIECE_BYTES: usize = 64 * 1024;

/// Where a text goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub bytes: usize,
    pub blocks: usize,
    /// The fence that was open where code had to be cut.
    pub fence: String,
}

impl Cursor {
    /// What is left of `text`, and whether that is more than a piece.
    pub fn rest(&self, text: &str) -> (String, bool) {
        let rest = &text[self.bytes..];
        let is_long = self.fence.len() + rest.len() > PIECE_BYTES;
        let end = if is_long { line_end(rest, PIECE_BYTES.saturating_sub(self.fence.len())) } else { rest.len() };
        (format!("{}{}", self.fence, &rest[..end]), is_long)
    }

    /// Moves behind what `page` has settled of `piece`.
    pub fn settle(&mut self, piece: &str, page: &Page) {
        if let Some((bytes, blocks)) = settled(piece, page).filter(|(bytes, _)| *bytes > self.fence.len()) {
            self.bytes += bytes - self.fence.len();
            self.blocks += blocks;
            self.fence.clear();
        }
    }

    /// The next piece of a text that has more than one, as blocks.
    pub fn next(&mut self, text: &str) -> Vec<String> {
        let (piece, is_long) = self.rest(text);
        let page = writer::write(&piece);
        let before = self.clone();
        if is_long {
            self.settle(&piece, &page);
        }
        if *self != before {
            return page.into_blocks().into_iter().take(self.blocks - before.blocks).collect();
        }
        self.bytes += piece.len() - self.fence.len();
        self.fence = page.open_fence.clone().filter(|_| is_long).unwrap_or_default();
        let blocks = page.into_blocks();
        self.blocks += blocks.len();
        blocks
    }
}

/// How many bytes and blocks of a piece are settled: all before the last block whose first line is complete, and none
/// from the first note on, because notes are one block and move together.
fn settled(piece: &str, page: &Page) -> Option<(usize, usize)> {
    let complete = piece.rfind('\n')? + 1;
    let limit = page.notes.as_ref().map_or(piece.len(), |(start, _)| line_start(piece, *start));
    let starts = page.blocks.iter().map(|block| block.start).chain([page.last_start]);
    let bytes = starts.map(|start| line_start(piece, start)).filter(|start| *start < complete).max()?.min(limit);
    let blocks = page.blocks.iter().filter(|block| line_start(piece, block.start) < bytes).count();
    Some((bytes, blocks))
}

/// Where the line begins, or `at` itself where words stand before it: a fence may open behind them.
fn line_start(text: &str, at: usize) -> usize {
    let start = text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    if text[start..at].trim_matches([' ', '\t']).is_empty() { start } else { at }
}

/// Where the last line that ends within `most` bytes does, or else the last character.
fn line_end(text: &str, most: usize) -> usize {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].rfind('\n').map_or(end, |newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use super::super::blocks;

    #[test]
    fn long_texts_are_the_sum_of_their_blocks() {
        let paragraphs: String = (0..20_000).map(|n| format!("Paragraph *{n}*.\n\n")).collect();
        let html = blocks(&paragraphs);
        assert_eq!(html.len(), 20_000);
        assert_eq!(html[19_999], "<p>Paragraph <em>19999</em>.</p>");
    }

    #[test]
    fn no_block_is_longer_than_a_piece_allows() {
        let line = "let answer = 42; // the answer\n";
        let html = blocks(&format!("```rust\n{}```\n\nEnd.", line.repeat(10_000)));
        assert_eq!(html.last().map(String::as_str), Some("<p>End.</p>"));
        assert!(html[..html.len() - 1].iter().all(|block| block.starts_with("<figure") && block.len() < 500_000));
        assert_eq!(html.concat().matches("<span class=\"hl-keyword\">let").count(), 10_000);
        let text = "长".repeat(200_000);
        let html = blocks(&text);
        assert!(html.len() > 8 && html.concat().matches('长').count() == 200_000);
    }
}
