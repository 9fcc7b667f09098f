//! Which schema cookies the first pages in a write-ahead log carry.

use std::io;
use std::path::Path;

use crate::store::sqlite::wal::each_frame;

/// Where the cookie stands in the first page.
const COOKIE: std::ops::Range<usize> = 40..44;

/// The cookies of committed first pages in their order; one that stays the same stands once.
pub(super) fn cookies(log: &Path) -> io::Result<Vec<u32>> {
    let (mut committed, mut waiting) = (Vec::new(), Vec::new());
    each_frame(log, &mut |frame| {
        if frame.page == 1 {
            waiting.extend(frame.content[COOKIE].try_into().map(u32::from_be_bytes));
        }
        if frame.committed_pages != 0 {
            committed.append(&mut waiting);
            committed.dedup();
        }
        waiting.dedup();
    })?;
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;
    use crate::store::sqlite::wal::{FRAME_HEADER_BYTES, HEADER_BYTES};

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
        assert_eq!(check(&flipped), [0_u32; 0], "the header's checksum is checked");
    }
}
