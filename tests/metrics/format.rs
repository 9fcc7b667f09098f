//! The text keeps to the format and to the conventions of names.

use std::collections::BTreeSet;
use std::process::Command;

use super::{families, scrape, value};
use crate::support::chat::{Chat, chat};
use crate::support::run_with_input;
use crate::support::upstream::Script;

#[test]
fn promtool_has_one_complaint_and_it_is_the_documented_name() {
    let setup = Chat::with([Script::text("Hello.")]);
    let (mut client, image) = setup.conversation();
    chat(&mut client, &image, "Hello?");
    setup.server.http().get("/", None);
    setup.server.http().get("/api/nothing", None);
    let text = scrape(&setup.server);
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let checked = run_with_input(promtool, &text);
    let complaints: Vec<&str> = checked.stdout.lines().chain(checked.stderr.lines()).collect();
    assert_eq!(complaints, ["portagent_users_total non-counter metrics should not have \"_total\" suffix"], "{text}");
}

#[test]
fn families_stand_together_and_are_named_by_their_kind() {
    let setup = Chat::with([Script::text("Hello.")]);
    let (mut client, image) = setup.conversation();
    chat(&mut client, &image, "Hello?");
    let text = scrape(&setup.server);
    let mut seen = BTreeSet::new();
    let mut family = ("", "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# HELP ") {
            let name = name.split(' ').next().unwrap();
            assert!(seen.insert(name.to_owned()), "{name} comes twice");
        } else if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split_once(' ').unwrap();
            assert!(seen.contains(family.0), "{line} has no HELP");
            let documented = family.0 == "portagent_users_total";
            assert_eq!(family.0.ends_with("_total") && !documented, family.1 == "counter", "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let rest = name.strip_prefix(family.0).unwrap_or_else(|| panic!("{line} is not of {family:?}"));
            assert!(rest.is_empty() || (family.1 == "histogram" && ["_bucket", "_sum", "_count"].contains(&rest)));
            line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
        }
    }
    assert_eq!(seen.len(), families(&text).len());
    for private in ["alice", "Hello", &image.id, &image.session, "key-of-the-test"] {
        assert!(!text.contains(private), "{private} is private");
    }
    assert!(text.lines().count() < 1500, "the number of series is bounded");
}

#[test]
fn what_never_happened_counts_zero() {
    let setup = Chat::with([]);
    let text = scrape(&setup.server);
    for series in [
        "portagent_upstream_retries_total",
        "portagent_upstream_first_token_seconds_count",
        "portagent_turns_ended_total{reason=\"error\"}",
        "portagent_turns_running",
        "portagent_logins_total{outcome=\"refused\"}",
        "portagent_log_write_errors_total",
        "portagent_http_connections_refused_total",
        "portagent_database_commit_failures_total",
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series}");
    }
    let names: BTreeSet<&str> = families(&text).into_iter().map(|(name, _)| name).collect();
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
        "portagent_build_info",
        "portagent_disk_free_bytes",
        "portagent_memory_limit_bytes",
        "portagent_database_wal_bytes",
        "portagent_database_free_bytes",
    ] {
        assert!(names.contains(name), "{name}");
    }
}
