//! The memory that we may use, and how much of it is in use: our control group's where it has a limit, else the
//! machine's. Sources: cgroups(7), "Memory" in the kernel's cgroup-v2.rst, proc_meminfo(5).

use std::fs;
use std::path::{Path, PathBuf};

/// In bytes. What the kernel can give back at once does not count as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub used: u64,
    pub limit: u64,
}

/// `None` where nothing says.
pub fn memory() -> Option<Memory> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = of_machine(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let group = of_groups(Path::new("/sys/fs/cgroup"), &own);
    // A limit above what the machine has limits nothing.
    match (group, machine) {
        (Some(group), Some(machine)) if group.limit >= machine.limit => Some(machine),
        (group, machine) => group.or(machine),
    }
}

fn of_machine(meminfo: &str) -> Option<Memory> {
    let value = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let (limit, available) = (value("MemTotal")?, value("MemAvailable")?);
    Some(Memory { used: limit.saturating_sub(available), limit })
}

/// The tightest limit on the way from our group up. `own` is `/proc/self/cgroup`.
fn of_groups(root: &Path, own: &str) -> Option<Memory> {
    let mut found: Option<Memory> = None;
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (base, names) = match controllers {
            "" => (root.to_owned(), &V2),
            list if list.split(',').any(|name| name == "memory") => (root.join("memory"), &V1),
            _ => continue,
        };
        for directory in upwards(&base, path) {
            if let Some(memory) = of_group(&directory, names)
                && found.is_none_or(|other| memory.limit < other.limit)
            {
                found = Some(memory);
            }
        }
    }
    found
}

struct Names {
    limit: &'static str,
    used: &'static str,
    reclaimable: &'static str,
}

static V2: Names = Names { limit: "memory.max", used: "memory.current", reclaimable: "inactive_file" };
static V1: Names =
    Names { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", reclaimable: "total_inactive_file" };

/// The group's directory and those above it. In a container the path may be that of the outside: then only the root
/// is there, and it is ours.
fn upwards(base: &Path, path: &str) -> Vec<PathBuf> {
    let inside: PathBuf =
        Path::new(path).components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
    inside.ancestors().map(|above| base.join(above)).collect()
}

fn of_group(directory: &Path, names: &Names) -> Option<Memory> {
    let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (limit, used) = (number(names.limit)?, number(names.used)?);
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix(names.reclaimable)?.trim().parse().ok()).unwrap_or(0);
    Some(Memory { used: used.saturating_sub(cache), limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let stat = ("memory.stat", "anon 1\ninactive_file 100\nactive_file 7\n");
        group(&root.path().join("a"), &[("memory.max", "1000\n"), ("memory.current", "900\n"), stat]);
        group(&root.path().join("a/b"), &[("memory.max", "max\n"), ("memory.current", "300\n"), stat]);
        let check = |own: &str, expected: Option<(u64, u64)>| {
            let found = of_groups(root.path(), own).map(|memory| (memory.used, memory.limit));
            assert_eq!(found, expected, "{own}");
        };
        check("0::/a/b\n", Some((800, 1000)));
        check("0::/\n", None);
        check("0::/../elsewhere\n", None);
        check("", None);
        let v1 = [("memory.limit_in_bytes", "500"), ("memory.usage_in_bytes", "50"), ("memory.stat", "")];
        group(&root.path().join("memory"), &v1);
        check("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n", Some((50, 500)));
    }

    #[test]
    fn the_machine_says_what_it_has() {
        let meminfo = "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     300 kB\n";
        assert_eq!(of_machine(meminfo), Some(Memory { used: 700 * 1024, limit: 1000 * 1024 }));
        assert_eq!(of_machine("MemTotal: 1000 kB\n"), None);
        assert!(memory().is_some_and(|memory| memory.limit > 0 && memory.used <= memory.limit));
    }
}
