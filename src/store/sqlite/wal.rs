//! Reads a write-ahead log as SQLite does when it recovers.
//!
//! The format is https://www.sqlite.org/fileformat2.html, section 4: a header of 32 bytes, then frames of 24 bytes and
//! a page. A frame counts when its salts are those of the header, its checksum continues that of the frame before, and
//! a commit follows or is in it. What stands behind the first that does not count is left from earlier use.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

pub const HEADER_BYTES: usize = 32;
pub const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says in which byte order checksums are computed.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65536;

/// One version of one page.
pub struct Frame<'a> {
    pub page: u32,
    /// Pages in the database after the commit that this frame ends; 0 when it ends none.
    pub committed_pages: u32,
    pub content: &'a [u8],
    /// Where the content begins in the log.
    pub at: u64,
}

/// Visits the frames in their order, up to the first that does not count. Without a log there are none.
pub fn each_frame(log: &Path, visit: &mut dyn FnMut(&Frame<'_>)) -> io::Result<()> {
    let file = match File::open(log) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mut log = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(());
    }
    let Some(mut frames) = Frames::after(&header) else { return Ok(()) };
    let mut frame = vec![0; FRAME_HEADER_BYTES + frames.page_bytes];
    let mut at = (HEADER_BYTES + FRAME_HEADER_BYTES) as u64;
    while fill(&mut log, &mut frame)? && frames.counts(&frame) {
        let content = &frame[FRAME_HEADER_BYTES..];
        visit(&Frame { page: number(&frame, 0), committed_pages: number(&frame, 4), content, at });
        at += frame.len() as u64;
    }
    Ok(())
}

struct Frames {
    page_bytes: usize,
    salts: [u8; 8],
    is_big_endian: bool,
    sum: (u32, u32),
}

impl Frames {
    /// `None` for a header that SQLite would not accept: it ignores such a log.
    fn after(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let magic = number(header, 0);
        let page_bytes = usize::try_from(number(header, 8)).ok()?;
        let mut frames =
            Self { page_bytes, salts: header[16..24].try_into().ok()?, is_big_endian: magic & 1 == 1, sum: (0, 0) };
        frames.add(&header[..24]);
        let is_good = magic & !1 == MAGIC
            && PAGE_BYTES.contains(&page_bytes)
            && page_bytes.is_power_of_two()
            && frames.sum == (number(header, 24), number(header, 28));
        is_good.then_some(frames)
    }

    fn counts(&mut self, frame: &[u8]) -> bool {
        if frame[8..16] != self.salts {
            return false;
        }
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER_BYTES..]);
        self.sum == (number(frame, 16), number(frame, 20))
    }

    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let word = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                if self.is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
            };
            let (one, two) = self.sum;
            let one = one.wrapping_add(word(0)).wrapping_add(two);
            self.sum = (one, two.wrapping_add(word(4)).wrapping_add(one));
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// False at the end of the file, also in the middle of a frame.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(cause) => Err(cause),
    }
}
