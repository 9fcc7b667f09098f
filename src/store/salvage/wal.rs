//! The write-ahead log beside a database: which pages it holds in a newer form (format description, section 4).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The two magic numbers; the last bit says in which byte order sums are made.
const MAGIC: u32 = 0x377f_0682;

/// What was committed in it.
#[derive(Default)]
pub(super) struct Wal {
    pub page_bytes: usize,
    /// Where a page's newest committed form begins.
    pub pages: HashMap<u32, u64>,
    /// Pages in the database after the last commit.
    pub count: u32,
}

/// `None` where there is no log, or nothing in it counts. It counts up to the last commit before the first frame whose
/// sum is wrong, just as SQLite reads it.
pub(super) fn read(path: &Path) -> io::Result<Option<Wal>> {
    let file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut file = BufReader::new(file);
    let mut header = [0; HEADER_BYTES];
    if file.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let page_bytes = number(&header, 8) as usize;
    let is_big_endian = number(&header, 0) & 1 == 1;
    let mut sum = checksum((0, 0), &header[..24], is_big_endian);
    let is_page_size = page_bytes.is_power_of_two() && (512..=65536).contains(&page_bytes);
    if number(&header, 0) & !1 != MAGIC || !is_page_size || sum != (number(&header, 24), number(&header, 28)) {
        return Ok(None);
    }
    let mut wal = Wal { page_bytes, ..Wal::default() };
    let mut pending = HashMap::new();
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut at = HEADER_BYTES as u64;
    while file.read_exact(&mut frame).is_ok() {
        sum = checksum(sum, &frame[..8], is_big_endian);
        sum = checksum(sum, &frame[FRAME_HEADER_BYTES..], is_big_endian);
        if frame[8..16] != header[16..24] || sum != (number(&frame, 16), number(&frame, 20)) {
            break;
        }
        pending.insert(number(&frame, 0), at + FRAME_HEADER_BYTES as u64);
        let count = number(&frame, 4);
        if count > 0 {
            wal.pages.extend(pending.drain());
            wal.count = count;
        }
        at += frame.len() as u64;
    }
    Ok((wal.count > 0).then_some(wal))
}

/// Section 4.2.
fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let word = |part: &[u8]| {
        let bytes = [part[0], part[1], part[2], part[3]];
        if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
    }
    (one, two)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
