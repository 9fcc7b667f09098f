//! Whether there is room left on the data directory's disk.

use super::{Check, Status};
use crate::store::Store;

/// Free space below this share of the disk is a warning; below the second, in bytes, a failure.
const WARN_PERCENT: u64 = 10;
const FAIL_BYTES: u64 = 32 * 1024 * 1024;

pub(super) fn check(store: &Store) -> Check {
    match store.disk() {
        Ok((free, size)) => {
            Check::new("disk", status(free, size), format!("{} MiB free of {} MiB", free >> 20, size >> 20))
        }
        Err(_) => Check::new("disk", Status::Fail, "the data directory's disk cannot be looked at"),
    }
}

fn status(free: u64, size: u64) -> Status {
    if free < FAIL_BYTES {
        Status::Fail
    } else if free.saturating_mul(100) < size.saturating_mul(WARN_PERCENT) {
        Status::Warn
    } else {
        Status::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_on_disks_of_all_sizes() {
        let check = |free: u64, size: u64, expected| assert_eq!(status(free << 20, size << 20), expected, "{free}");
        check(100, 1000, Status::Pass);
        check(99, 1000, Status::Warn);
        check(31, 1000, Status::Fail);
        check(31, 31, Status::Fail);
        check(0, 0, Status::Fail);
    }
}
