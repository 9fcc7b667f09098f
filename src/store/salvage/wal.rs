//! Which pages the write-ahead log beside a database holds in a newer form.

use std::collections::HashMap;
use std::path::Path;

use crate::store::sqlite::wal::each_frame;

/// What was committed in it.
#[derive(Default)]
pub(super) struct Wal {
    pub page_bytes: usize,
    /// Where a page's newest committed form begins.
    pub pages: HashMap<u32, u64>,
    /// Pages in the database after the last commit.
    pub count: u32,
}

/// `None` where there is no log, or nothing in it counts. A log ends at a sector that cannot be read.
pub(super) fn read(path: &Path) -> Option<Wal> {
    let (mut wal, mut pending) = (Wal::default(), HashMap::new());
    let _ = each_frame(path, &mut |frame| {
        pending.insert(frame.page, frame.at);
        if frame.committed_pages > 0 {
            wal.page_bytes = frame.content.len();
            wal.pages.extend(pending.drain());
            wal.count = frame.committed_pages;
        }
    });
    (wal.count > 0).then_some(wal)
}
