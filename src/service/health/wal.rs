//! Whether the write-ahead logs are folded back into their databases. One that grows and grows slows every reader and
//! fills the disk; the usual cause is a program that keeps a read transaction open.

use crate::domain::finding::Finding;
use crate::store::Store;

/// SQLite folds a log back at 4 MiB, and ours is cut to that size. Far beyond it something stands in the way.
const WARN_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn check(store: &Store) -> Finding {
    let largest = store.files().into_iter().max_by_key(|files| files.wal_bytes);
    let Some(largest) = largest else { return Finding::pass("wal", "there is none") };
    let kib = largest.wal_bytes.div_ceil(1024);
    if largest.wal_bytes <= WARN_BYTES {
        return Finding::pass("wal", format!("the largest write-ahead log has {kib} KiB"));
    }
    let message = format!(
        "the write-ahead log of {} has grown to {} MiB: look for a program that keeps the database open",
        largest.name,
        kib / 1024
    );
    Finding::warn("wal", message)
}
