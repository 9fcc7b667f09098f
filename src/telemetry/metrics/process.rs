//! The process as every Prometheus client library describes it:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>. From proc_pid_stat(5).

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::page::{Page, Type};

pub(super) fn write(page: &mut Page) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(stat) = Stat::of(&stat) {
        let ticks = clock_ticks_per_second().max(1) as f64;
        page.single("process_cpu_seconds_total", Type::Counter, "User and system time.", stat.cpu_ticks as f64 / ticks);
        page.single("process_threads", Type::Gauge, "Threads.", stat.threads as f64);
        page.single("process_virtual_memory_bytes", Type::Gauge, "Virtual memory.", stat.virtual_bytes as f64);
        let resident = stat.resident_pages.saturating_mul(page_size() as u64);
        page.single("process_resident_memory_bytes", Type::Gauge, "Resident memory.", resident as f64);
        if let Some(boot) = boot_seconds() {
            let start = boot + stat.start_ticks as f64 / ticks;
            page.single("process_start_time_seconds", Type::Gauge, "Start, in seconds since 1970.", start);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The directory that is being read is one of them.
        page.single("process_open_fds", Type::Gauge, "Open file descriptors.", open.count().saturating_sub(1) as f64);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        page.single("process_max_fds", Type::Gauge, "The most there may be.", most as f64);
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The second field is a name in parentheses that may hold anything; fields are counted from behind it.
    fn of(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let line = "7 (a) b) S 1 7 7 0 -1 4 1 0 0 0 30 12 0 0 20 0 5 0 999 4096000 100 18446744073709551615 1 1";
        let stat = Stat { cpu_ticks: 42, threads: 5, start_ticks: 999, virtual_bytes: 4_096_000, resident_pages: 100 };
        assert_eq!(Stat::of(line), Some(stat));
        assert_eq!(Stat::of("7 (a"), None);
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(Stat::of(&own).is_some_and(|stat| stat.threads > 0 && stat.resident_pages > 0));
    }
}
