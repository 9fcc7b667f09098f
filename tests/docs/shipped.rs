//! What is shipped beside the program has the limits and headers that the manual promises.

use std::fs;

use super::root;

#[test]
fn the_units_bound_memory_and_tasks() {
    for name in ["portagent.service", "portagent-user.service"] {
        let unit = fs::read_to_string(root().join("packaging/systemd").join(name)).unwrap();
        for setting in ["MemoryMax=", "TasksMax="] {
            let value = unit.lines().find_map(|line| line.strip_prefix(setting)).unwrap_or_default();
            assert!(!value.is_empty() && value != "infinity", "{name}: {setting}{value}");
        }
    }
}

#[test]
fn every_example_of_a_proxy_with_tls_says_that_it_stays_with_tls() {
    let mut seen = 0;
    for directory in ["packaging/nginx", "packaging/caddy", "packaging/docker"] {
        for entry in fs::read_dir(root().join(directory)).unwrap().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let is_proxy = text.contains("proxy_pass") || text.contains("reverse_proxy");
            assert!(!is_proxy || text.contains("Strict-Transport-Security"), "{}", entry.path().display());
            seen += usize::from(is_proxy);
        }
    }
    assert!(seen >= 5, "{seen} examples");
}
