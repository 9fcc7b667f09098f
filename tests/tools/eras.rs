//! Servers of both eras, as `portagent mcp test` sees them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_gone, declare, declared};
use crate::support;

/// What the command says about a server in that mode, after it has called a tool.
fn test(mode: &str, marker: &str, tool: &str, input: &str) -> (Value, bool) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("agentx");
    declare(&data, json!({"fake": declared(mode, marker)}));
    let data = data.to_str().unwrap();
    let run =
        support::run(home.path(), &["-d", data, "mcp", "test", "fake", "--tool", tool, "--input", input, "--json"]);
    all_gone(marker, Duration::from_secs(2));
    (serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}{}", run.stdout, run.stderr)), run.code == Some(0))
}

#[test]
fn every_kind_of_server_is_understood() {
    let check = |mode: &str, marker: &str, era: &str, version: &str| {
        let (said, is_good) = test(mode, marker, "echo", r#"{"text":"hello"}"#);
        assert_eq!((&said["era"], &said["version"]), (&json!(era), &json!(version)), "{mode}: {said}");
        assert_eq!(said["result"], json!({"text": "echo: hello", "pictures": 0, "isError": false}), "{mode}");
        assert!(is_good, "{mode}");
    };
    check("legacy", "41001", "legacy", "2025-06-18");
    check("modern", "41002", "modern", "2026-07-28");
    check("exits", "41003", "legacy", "2025-06-18");
}

#[test]
fn a_server_that_never_answers_the_probe_is_of_the_legacy_era() {
    let (said, _) = test("silent", "41004", "echo", "{}");
    assert_eq!((&said["era"], &said["state"]), (&json!("legacy"), &json!("ready")), "{said}");
}

#[test]
fn all_pages_are_read_and_what_providers_refuse_is_named() {
    let (said, _) = test("legacy", "41005", "union", "{}");
    let tools: Vec<&str> =
        said["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(tools.contains(&"echo") && tools.contains(&"second_page") && tools.contains(&"union"), "{tools:?}");
    assert!(tools.is_sorted(), "{tools:?}");
    assert_eq!(said["quarantined"], json!([{"name": "bad", "reason": "its input is no object"}]));
}

#[test]
fn every_kind_of_answer() {
    let result = |mode: &str, marker: &str, tool: &str| test(mode, marker, tool, "{}").0["result"].clone();
    assert_eq!(result("legacy", "41006", "picture")["pictures"], 1);
    assert_eq!(result("legacy", "41007", "structured")["text"], r#"{"a":1}"#);
    assert_eq!(result("legacy", "41008", "fail")["isError"], true);
    assert_eq!(result("modern", "41009", "ask")["text"], "answered decline");
}

#[test]
fn a_server_that_cannot_be_started_is_broken() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("agentx");
    declare(&data, json!({"none": {"command": "/nonexistent/program"}, "odd": {"url": "ftp://x"}}));
    let arguments = ["-d", data.to_str().unwrap(), "mcp", "test", "none", "--json"];
    let run = support::run(home.path(), &arguments);
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &said["state"]), (Some(1), &json!("broken")), "{said}");
    assert!(said["stderr"].to_string().contains("cannot start /nonexistent/program"), "{said}");
}
