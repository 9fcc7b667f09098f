//! How the server says that it is well, to containers, probes and people.

use std::process::Command;

use serde_json::Value;

use crate::support::chat::{Chat, chat};
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::upstream::Script;

fn check(server: &Server, name: &str) -> Value {
    let ready = server.http().get("/health/ready", None).json();
    let checks = ready["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {ready}")).clone()
}

#[test]
fn both_kinds_of_wget_find_it_well() {
    let mut server = Server::start();
    let url = format!("http://localhost:{}/health", server.port());
    let asks = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).arg(&url).output().unwrap().status.success()
    };
    for healthy in [true, false] {
        assert_eq!(asks("wget", &["--no-verbose", "--tries=1", "--spider"]), healthy, "GNU");
        assert_eq!(
            asks("busybox", &["wget", "--no-verbose", "--tries=1", "--spider"]),
            healthy,
            "BusyBox, as the manual"
        );
        assert_eq!(asks("busybox", &["wget", "-q", "--spider"]), healthy, "BusyBox");
        if healthy {
            assert!(server.terminate().success());
        }
    }
}

#[test]
fn everything_is_looked_at() {
    let server = Server::start();
    let answer = server.http().get("/health/ready", None);
    let ready = answer.json();
    assert_eq!((answer.status, ready["status"].as_str()), (200, Some("pass")), "{ready}");
    for name in
        ["portagent.db", "agentx.db", "wal", "disk", "backup", "integrity", "clock", "upstream", "models", "log"]
    {
        let one = check(&server, name);
        assert_eq!(one["status"], "pass", "{one}");
        assert!(!one["message"].as_str().unwrap().is_empty());
    }
    let port = server.port().to_string();
    let listed = server.run(&["healthcheck", "--ready", "-p", &port]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("pass    portagent.db"), "{}", listed.stdout);
    let json = server.run(&["healthcheck", "--ready", "--json", "-p", &port]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["status"], "pass");
}

#[test]
fn strangers_learn_whether_and_not_how_much() {
    let server = Server::builder().env("METRICS_TOKEN", "scrape-me").start();
    let messages = |token| {
        let ready = server.http().get("/health/ready", token).json();
        let checks = ready["checks"].as_array().unwrap().clone();
        assert!(checks.len() > 5 && checks.iter().all(|check| check["status"] == "pass"), "{ready}");
        checks.iter().filter(|check| check["message"].is_string()).count()
    };
    assert_eq!((messages(None), messages(Some("wrong"))), (0, 0));
    assert!(messages(Some("scrape-me")) > 5);
    let listed = server.run(&["healthcheck", "--ready", "-p", &server.port().to_string()]);
    assert!(listed.stdout.contains(" MiB free of "), "the command has the token: {}", listed.stdout);
}

#[test]
fn a_log_that_cannot_be_written_is_a_warning() {
    let server = Server::start();
    let logs = server.data_dir().join("logs");
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::write(&logs, "in the way").unwrap();
    eventually("the check notices", || check(&server, "log")["status"] == "warn");
    assert_eq!(server.http().get("/health", None).status, 200, "it serves on");
    std::fs::remove_file(&logs).unwrap();
    eventually("the check recovers", || check(&server, "log")["status"] == "pass");
}

#[test]
fn turns_tell_about_the_upstream() {
    let refused = || Script::refusal(401, "authentication_error", "invalid x-api-key");
    let mut scripts = vec![Script::text("Hello.")];
    scripts.extend((0..3).map(|_| refused()));
    scripts.push(Script::text("Back."));
    let setup = Chat::with(scripts);
    let (mut client, image) = setup.conversation();
    chat(&mut client, &image, "Hello?");
    eventually("an answer is seen", || {
        check(&setup.server, "upstream")["message"].to_string().contains("0 of the last 1")
    });
    for _ in 0..3 {
        chat(&mut client, &image, "And now?");
    }
    eventually("three refusals are a failure", || check(&setup.server, "upstream")["status"] == "fail");
    let failing = check(&setup.server, "upstream");
    assert!(failing["message"].as_str().unwrap().contains("(upstream_auth)"), "{failing}");
    assert_eq!(setup.server.http().get("/health/ready", None).status, 503);
    let port = setup.server.port().to_string();
    assert_eq!(setup.server.run(&["healthcheck", "--ready", "-p", &port]).code, Some(1));
    assert_eq!(setup.server.run(&["healthcheck", "-p", &port]).code, Some(0), "the server itself is well");
    chat(&mut client, &image, "Once more?");
    eventually("one answer ends it", || check(&setup.server, "upstream")["status"] == "warn");
    assert_eq!(setup.upstream.requests().len(), 5, "nothing was asked for the sake of a check");
}

/// With Debian's own program, as an operator would.
fn sqlite3(server: &Server, statement: &str) {
    let file = server.data_dir().join("data/portagent.db");
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(file).arg(statement).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn jobs_that_failed_or_are_late_are_told() {
    let server = Server::start();
    let job = |name: &str, days_ago: i64, error: &str| {
        let at = "unixepoch() * 1000";
        let statement = format!(
            "INSERT OR REPLACE INTO jobs (name, lastStartedAt, lastEndedAt, lastOkAt, lastError) VALUES \
             ('{name}', {at} - 5000, {at}, {at} - {days_ago} * 86400000, {error})"
        );
        sqlite3(&server, &statement);
    };
    for name in ["backup", "integrity"] {
        job(name, 1, "NULL");
        eventually("a good run is seen", || {
            check(&server, name)["message"].to_string().contains(" ago")
                || check(&server, name)["message"].to_string().contains("24 hours old")
        });
        job(name, 40, "NULL");
        eventually("an old one is a warning", || check(&server, name)["status"] == "warn");
        job(name, 1, "'/secret/path: no space left'");
        eventually("a failed one is a failure", || check(&server, name)["status"] == "fail");
        assert!(!check(&server, name).to_string().contains("/secret/path"), "everybody may read this");
        assert_eq!(server.http().get("/health/ready", None).status, 503);
        assert_eq!(server.http().get("/health", None).status, 200);
        job(name, 0, "NULL");
    }
    let mut text = String::new();
    eventually("the numbers follow", || {
        text = server.http().get("/metrics", None).text();
        text.contains("portagent_integrity_ok 1")
    });
    for series in ["portagent_backup_last_failed 0", "portagent_backup_last_duration_seconds 5"] {
        assert!(text.contains(series), "{series}: {text}");
    }
}
