//! The message that is being written, rendered as it comes.
//!
//! Markdown is decided line by line, and a top-level block that another one follows does not change any more. So
//! everything up to the last block is *settled*, and only the text behind it, the *tail*, is rendered again, without
//! what its end leaves undecided. Two things reach back all the same, link definitions and notes; so the whole text
//! is rendered once more at the end, and what differs is sent. [`Live::finish`] therefore always leads to exactly what
//! [`super::blocks`] gives.
//!
//! A tail costs work and bandwidth each time it is sent. The time between two patches is
//!
//! ```text
//! PATCH_EVERY + tail bytes / TAIL_BYTES_PER_SECOND
//! ```
//!
//! that is 80 ms for a new paragraph, 0.2 s at 4 KiB and 2 s for code of 64 KiB, after which the block is cut
//! ([`super::pieces`]). So no more than 32 KiB of source a second is rendered and sent for one message, plus each settled
//! block once, and one patch holds at most two pieces. The page shows nothing but patches: the text as it came would
//! show marks that are not decided.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::pieces::Cursor;
use super::writer;
use crate::domain::event::HtmlPatch;

/// The least time between two patches.
pub const PATCH_EVERY: Duration = Duration::from_millis(80);
/// How fast the last block may be rendered again and again, in bytes of source.
pub const TAIL_BYTES_PER_SECOND: u32 = 32 * 1024;

/// The text of one message while it is being written.
#[derive(Default)]
pub struct Live {
    text: String,
    /// What does not change any more.
    settled: Cursor,
    /// A digest of each block as it was sent last.
    sent: Vec<u64>,
    last: Option<Instant>,
    is_changed: bool,
}

impl Live {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the model wrote next.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.is_changed |= !text.is_empty();
    }

    /// What to change on the page, when there is something and enough time has passed. The first patch is due at once.
    pub fn patch(&mut self, now: Instant) -> Option<HtmlPatch> {
        if !self.is_changed || self.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval()) {
            return None;
        }
        self.last = Some(now);
        let from = self.settled.blocks;
        let (tail, is_long) = self.settled.rest(&self.text);
        if is_long {
            // One piece at a time: what is behind it follows with the next patch.
            let blocks = self.settled.next(&self.text);
            return self.difference(from, blocks);
        }
        self.is_changed = false;
        let page = writer::write_partial(&tail);
        self.settled.settle(&tail, &page);
        self.difference(from, page.into_blocks())
    }

    /// The last patches: after them the page shows `render::blocks` of the whole text. Each is at most one piece.
    pub fn finish(&mut self) -> Vec<HtmlPatch> {
        self.is_changed = false;
        self.settled = Cursor::default();
        let mut patches = Vec::new();
        while self.settled.bytes < self.text.len() {
            let from = self.settled.blocks;
            let blocks = self.settled.next(&self.text);
            let is_last = self.settled.bytes >= self.text.len();
            patches.extend(self.replace(from, blocks, is_last));
        }
        patches
    }

    fn interval(&self) -> Duration {
        let tail = u32::try_from(self.text.len() - self.settled.bytes).unwrap_or(u32::MAX);
        PATCH_EVERY + Duration::from_secs(1) * tail / TAIL_BYTES_PER_SECOND
    }

    /// Replaces everything from block `from` on by `blocks`, and says what that changes.
    fn difference(&mut self, from: usize, blocks: Vec<String>) -> Option<HtmlPatch> {
        self.replace(from, blocks, true)
    }

    /// The same, where more blocks follow unless these are the last.
    fn replace(&mut self, from: usize, blocks: Vec<String>, is_last: bool) -> Option<HtmlPatch> {
        let digests: Vec<u64> = blocks.iter().map(|block| digest(block)).collect();
        let sent = self.sent.get(from..).unwrap_or_default();
        let same = digests.iter().zip(sent).take_while(|(new, old)| new == old).count();
        if same == digests.len() && (same == sent.len() || !is_last) {
            return None;
        }
        self.sent.truncate(from + same);
        self.sent.extend(&digests[same..]);
        // Without room to grow: it is kept for those who come back.
        let kept = blocks.into_iter().skip(same).map(|block| block.into_boxed_str().into_string());
        Some(HtmlPatch { from: from + same, blocks: kept.collect() })
    }
}

fn digest(block: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    block.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::{blocks, corpus};
    use super::*;

    /// What a page does with a patch.
    fn apply(page: &mut Vec<String>, patch: Option<HtmlPatch>) {
        if let Some(patch) = patch {
            assert!(patch.from <= page.len(), "a patch leaves no hole");
            page.truncate(patch.from);
            page.extend(patch.blocks);
        }
    }

    /// Streams `text` in pieces of random length, a piece every 50 ms to 1 s, and gives what the page shows at the end,
    /// and how often it showed exactly what the text so far gives.
    fn stream(text: &str, random: &mut corpus::Random) -> (Vec<String>, usize, usize) {
        let (mut live, mut page, mut now) = (Live::new(), Vec::new(), Instant::now());
        let (mut exact, mut patches, mut at) = (0, 0, 0);
        while at < text.len() {
            let end = (at + 1 + random.below(12)..).find(|end| *end >= text.len() || text.is_char_boundary(*end));
            let end = end.expect("there is an end").min(text.len());
            live.push(&text[at..end]);
            at = end;
            now += Duration::from_millis(50 + random.below(950) as u64);
            let patch = live.patch(now);
            if patch.is_some() {
                apply(&mut page, patch);
                patches += 1;
                exact += usize::from(page == writer::write_partial(&text[..at]).into_blocks());
            }
        }
        live.finish().into_iter().for_each(|patch| apply(&mut page, Some(patch)));
        assert!(live.finish().is_empty(), "nothing is left after the end");
        (page, exact, patches)
    }

    #[test]
    fn patches_lead_to_the_whole_text() {
        let mut random = corpus::Random(7);
        for text in corpus::DOCUMENTS {
            let expected = blocks(text);
            let (mut exact, mut patches) = (0, 0);
            for _ in 0..30 {
                let (page, right, all) = stream(text, &mut random);
                assert_eq!(page, expected, "{text}");
                (exact, patches) = (exact + right, patches + all);
            }
            // On the way only definitions that come later or before may make a difference.
            if !text.contains("]:") {
                assert_eq!(exact, patches, "{text}");
            }
        }
    }

    #[test]
    fn patches_lead_to_the_whole_of_any_text() {
        let mut random = corpus::Random(11);
        for round in 0..2_000 {
            let text = corpus::soup(&mut random, 40);
            let (page, _, _) = stream(&text, &mut random);
            assert_eq!(page, blocks(&text), "round {round}: {text:?}");
        }
    }

    #[test]
    fn the_first_patch_is_at_once_and_the_next_waits() {
        let (mut live, start) = (Live::new(), Instant::now());
        assert!(live.patch(start).is_none(), "nothing to show");
        live.push("Hello");
        assert!(live.patch(start).is_some());
        live.push(" world");
        assert!(live.patch(start + Duration::from_millis(70)).is_none());
        let patch = live.patch(start + Duration::from_millis(90));
        assert_eq!(patch, Some(HtmlPatch { from: 0, blocks: vec!["<p>Hello world</p>".to_owned()] }));
        assert!(live.patch(start + Duration::from_secs(9)).is_none(), "nothing new");
    }

    #[test]
    fn a_long_code_block_costs_bounded_work() {
        let (mut live, mut now) = (Live::new(), Instant::now());
        let (mut sent, mut seconds) = (0, 0.0);
        live.push("```\n");
        for _ in 0..2_500 {
            live.push("let answer = question.ask(\"everything\");\n"); // 100 KiB in 250 s
            now += Duration::from_millis(100);
            seconds += 0.1;
            sent += live.patch(now).map_or(0, |patch| patch.blocks.iter().map(String::len).sum::<usize>());
        }
        assert!(sent > 100_000, "it is shown while it grows: {sent}");
        assert!((sent as f64) < seconds * f64::from(TAIL_BYTES_PER_SECOND) * 1.5, "{sent} bytes in {seconds} s");
    }

    #[test]
    fn settled_blocks_are_not_sent_again() {
        let (mut live, mut now) = (Live::new(), Instant::now());
        let mut froms = Vec::new();
        for paragraph in 0..50 {
            live.push(&format!("Paragraph number {paragraph}.\n\n"));
            now += Duration::from_secs(1);
            froms.extend(live.patch(now).map(|patch| (patch.from, patch.blocks.len())));
        }
        assert_eq!(froms, (0..50).map(|from| (from, 1)).collect::<Vec<_>>());
        assert!(live.finish().is_empty());
    }

    /// What a reader sees, without white space: it may differ while a list is still tight.
    fn visible(blocks: &[String]) -> String {
        let html = blocks.concat();
        let mut out = String::new();
        let mut rest = html.as_str();
        while let Some(at) = rest.find('<') {
            out.push_str(&rest[..at]);
            rest = &rest[at + rest[at..].find('>').expect("a tag's end") + 1..];
        }
        out.push_str(rest);
        out.retain(|c| !c.is_whitespace());
        out
    }

    /// Every frame shows the beginning of what the end shows: no mark is drawn that becomes something else.
    #[test]
    fn no_frame_shows_undecided_source() {
        let (mut frames, mut undecided) = (0, Vec::new());
        for text in corpus::ANSWERS
            .iter()
            .chain(corpus::DOCUMENTS)
            .copied()
            .chain(corpus::finished())
            .filter(|text| !text.contains("]:"))
        {
            let end = visible(&blocks(text));
            let (mut live, mut page, mut now) = (Live::new(), Vec::new(), Instant::now());
            let mut shown = 0;
            for (at, c) in text.char_indices() {
                live.push(&text[at..at + c.len_utf8()]);
                now += Duration::from_secs(60);
                apply(&mut page, live.patch(now));
                let frame = visible(&page);
                frames += 1;
                if !end.starts_with(&frame) {
                    undecided.push(format!("{:?}\n  shows {frame:?}", &text[shown..=at + c.len_utf8() - 1]));
                    shown = at;
                }
            }
        }
        let examples = undecided.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(undecided.is_empty(), "{} of {frames} frames:\n{examples}", undecided.len());
    }

    #[test]
    fn a_dash_does_not_make_a_heading_for_a_moment() {
        let (mut live, start) = (Live::new(), Instant::now());
        live.push("Things:\n-");
        let patch = live.patch(start).expect("a patch");
        assert_eq!(patch.blocks, ["<p>Things:</p>"]);
    }
}
