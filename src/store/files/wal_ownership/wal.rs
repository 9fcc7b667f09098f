//! Reads a write-ahead log as SQLite would when it recovers, and says which schema cookies its first pages carry.
//!
//! The format is https://www.sqlite.org/fileformat2.html, section 4: a header of 32 bytes, then frames of 24 bytes and
//! a page. A frame counts when its salts are those of the header, its checksum continues that of the frame before, and
//! a commit follows or is in it. What stands behind the first that does not count is left from earlier use.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says in which byte order checksums are computed.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65536;
/// Where the cookie stands in the first page.
const COOKIE_AT: usize = 40;

/// The cookies of committed first pages in their order; one that stays the same stands once.
pub(super) fn cookies(log: &Path) -> io::Result<Vec<u32>> {
    let mut log = BufReader::with_capacity(1 << 16, File::open(log)?);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(Vec::new());
    }
    let Some(mut frames) = Frames::after(&header) else { return Ok(Vec::new()) };
    let (mut committed, mut waiting) = (Vec::new(), Vec::new());
    let mut frame = vec![0; FRAME_HEADER_BYTES + frames.page_bytes];
    while fill(&mut log, &mut frame)? && frames.counts(&frame) {
        if number(&frame, 0) == 1 {
            waiting.push(number(&frame, FRAME_HEADER_BYTES + COOKIE_AT));
        }
        if number(&frame, 4) != 0 {
            committed.append(&mut waiting);
            committed.dedup();
        }
        waiting.dedup();
    }
    Ok(committed)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_log_is_read_as_sqlite_reads_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("a.db");
        let conn = Connection::open(&database).expect("opens");
        conn.pragma_update(None, "journal_mode", "WAL").expect("is set");
        conn.pragma_update(None, "wal_autocheckpoint", 0).expect("is set");
        conn.execute_batch("CREATE TABLE t (x)").expect("creates");
        for cookie in [7_000, 8_000, 9_000] {
            conn.pragma_update(None, "schema_version", cookie).expect("sets");
            conn.execute_batch("INSERT INTO t VALUES (zeroblob(9000))").expect("inserts");
        }
        let log = directory.path().join("a.db-wal");
        assert_eq!(cookies(&log).expect("reads"), [1, 7_000, 8_000, 9_000]);
        let whole = fs::read(&log).expect("reads");
        let other = directory.path().join("other");
        let check = |bytes: &[u8]| {
            fs::write(&other, bytes).expect("writes");
            cookies(&other).expect("reads")
        };
        assert_eq!(check(&[]), [0_u32; 0]);
        let mut torn = whole.clone();
        let last = torn.len() - 1;
        torn[last] ^= 1;
        torn.truncate(last);
        assert_eq!(check(&torn), [1, 7_000, 8_000, 9_000], "only a piece behind the last cookie is missing");
        let mut flipped = whole.clone();
        flipped[HEADER_BYTES + FRAME_HEADER_BYTES + 100] ^= 1;
        assert_eq!(check(&flipped), [0_u32; 0], "nothing counts behind a frame that is damaged");
        flipped = whole;
        flipped[17] ^= 1;
        assert_eq!(check(&flipped), [0_u32; 0], "the header's checksum is looked at");
    }
}
