//! Whether there is room left on the data directory's disk.

use crate::domain::finding::Finding;
use crate::store::Store;

/// Free space below this share of the disk is a warning; below the second, in bytes, a failure.
const WARN_PERCENT: u64 = 10;
const FAIL_BYTES: u64 = 32 * 1024 * 1024;

/// The name of the check.
pub const NAME: &str = "disk";

pub(super) fn check(store: &Store) -> Finding {
    match store.disk() {
        Ok((free, size)) => judge(free, size),
        Err(_) => Finding::fail(NAME, "the data directory's disk cannot be read"),
    }
}

/// The one judgement about a disk, in bytes.
pub fn judge(free: u64, size: u64) -> Finding {
    let message = format!("{} MiB free of {} MiB", free >> 20, size >> 20);
    if free < FAIL_BYTES {
        Finding::fail(NAME, format!("nearly full: {message}"))
            .hint("free some space; `du -xh / | sort -h | tail` shows where it went")
    } else if free.saturating_mul(100) < size.saturating_mul(WARN_PERCENT) {
        Finding::warn(NAME, message).hint("free some space, or make the disk larger")
    } else {
        Finding::pass(NAME, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    #[test]
    fn room_on_disks_of_all_sizes() {
        let check =
            |free: u64, size: u64, expected| assert_eq!(judge(free << 20, size << 20).level, expected, "{free}");
        check(100, 1000, Level::Pass);
        check(99, 1000, Level::Warn);
        check(31, 1000, Level::Fail);
        check(31, 31, Level::Fail);
        check(0, 0, Level::Fail);
    }
}
