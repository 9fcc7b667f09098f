//! The machine: room on the disk, and memory.

use std::path::Path;

use crate::domain::finding::Finding;
use crate::service::health::disk;
use crate::telemetry::metrics;

const MEMORY: &str = "memory";
/// Memory that must be left, in bytes. A hundred chats at once take 40 MiB, a login 19 MiB more.
const MEMORY_WARN_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn findings(directory: &Path) -> Vec<Finding> {
    vec![disk_of(directory), memory()]
}

fn disk_of(directory: &Path) -> Finding {
    // Before the first start, the disk is the one of the nearest directory that exists.
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let Ok(stat) = rustix::fs::statvfs(existing) else {
        return Finding::fail(disk::NAME, format!("the disk of {} cannot be read", existing.display()));
    };
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    let mut finding = disk::judge(bytes(stat.f_bavail), bytes(stat.f_blocks));
    finding.message.push_str(&format!(" at {}", existing.display()));
    finding
}

fn memory() -> Finding {
    let Some(memory) = metrics::memory() else {
        return Finding::skip(MEMORY, "this system does not report its memory");
    };
    let left = memory.limit.saturating_sub(memory.used);
    let message = format!("{} MiB free of {} MiB", left >> 20, memory.limit >> 20);
    if left < MEMORY_WARN_BYTES {
        Finding::warn(MEMORY, message).hint("stop something else, or give the machine or container more memory")
    } else {
        Finding::pass(MEMORY, message)
    }
}
