//! The machine: room on the disk, and memory.

use std::fs;
use std::path::Path;

use super::Finding;

const DISK: &str = "disk";
const MEMORY: &str = "memory";
/// The same marks as in `/health/ready`: a share of the disk, and bytes.
const DISK_WARN_PERCENT: u64 = 10;
const DISK_FAIL_BYTES: u64 = 32 * 1024 * 1024;
/// What may still be taken, in bytes. A hundred chats at once take 40 MiB, a login 19 MiB more.
const MEMORY_WARN_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn findings(directory: &Path) -> Vec<Finding> {
    vec![disk(directory), memory()]
}

fn disk(directory: &Path) -> Finding {
    // Before the first start, the disk is the one of the nearest directory that exists.
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let Ok(stat) = rustix::fs::statvfs(existing) else {
        return Finding::fail(DISK, format!("the disk of {} cannot be looked at", existing.display()));
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let size = stat.f_blocks.saturating_mul(stat.f_frsize);
    let detail = format!("{} MiB free of {} MiB at {}", free >> 20, size >> 20, existing.display());
    if free < DISK_FAIL_BYTES {
        Finding::fail(DISK, format!("nearly full: {detail}"))
            .hint("free some space; `du -xh / | sort -h | tail` shows where it went")
    } else if free.saturating_mul(100) < size.saturating_mul(DISK_WARN_PERCENT) {
        Finding::warn(DISK, detail).hint("free some space, or make the disk larger")
    } else {
        Finding::pass(DISK, detail)
    }
}

/// proc_meminfo(5), and the limit of the control group where there is one.
fn memory() -> Finding {
    let Some(mut left) = meminfo("MemAvailable:") else {
        return Finding::skip(MEMORY, "this system does not say how much memory is left");
    };
    let mut where_ = "on this machine";
    if let Some(group) = group_left().filter(|group| *group < left) {
        (left, where_) = (group, "in this control group");
    }
    let detail = format!("{} MiB can still be taken {where_}", left >> 20);
    if left < MEMORY_WARN_BYTES {
        Finding::warn(MEMORY, detail).hint("stop something else, or give the machine or container more memory")
    } else {
        Finding::pass(MEMORY, detail)
    }
}

fn meminfo(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// As a container sees it: version 2 of control groups, and version 1.
fn group_left() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let pair = |limit, used| Some(number(limit)?.saturating_sub(number(used)?));
    pair("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")
        .or_else(|| pair("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"))
}
