//! The rules and the dashboard that come along: they parse, they fire when they should, and they ask for nothing that
//! the server does not say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{families, scrape};
use crate::support::chat::{Chat, chat};
use crate::support::eventually;
use crate::support::upstream::Script;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

fn promtool(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("promtool").args(arguments).arg(file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn rules_are_valid_and_fire_when_they_should() {
    let rules = promtool(&["check", "rules"], &packaging("prometheus/portagent.rules.yml"));
    assert!(rules.contains("11 rules found"), "{rules}");
    promtool(&["test", "rules"], &packaging("prometheus/portagent.test.yml"));
    promtool(&["check", "config"], &packaging("prometheus/scrape.yml"));
    let text = std::fs::read_to_string(packaging("prometheus/portagent.rules.yml")).unwrap();
    let tests = std::fs::read_to_string(packaging("prometheus/portagent.test.yml")).unwrap();
    for alert in text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is seen to fire nowhere");
    }
}

/// Of every panel.
fn expressions() -> Vec<String> {
    let text = std::fs::read_to_string(packaging("grafana/portagent.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_expression_of_the_dashboard_parses() {
    let expressions = expressions();
    assert!(expressions.len() > 40);
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (at, expression) in expressions.iter().enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        assert!(!plain.contains('$'), "{plain}");
        rules += &format!("      - record: panel:{at}\n        expr: {}\n", Value::from(plain));
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dashboard.yml");
    std::fs::write(&file, rules).unwrap();
    promtool(&["check", "rules"], &file);
}

/// All words that look like a name of ours.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("portagent_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[test]
fn rules_and_dashboard_ask_for_what_the_server_says() {
    let setup = Chat::with([Script::text("Hello.")]);
    let (mut client, image) = setup.conversation();
    chat(&mut client, &image, "Hello?");
    let file = setup.server.data_dir().join("data/portagent.db");
    let rows = "INSERT INTO jobs (name, lastStartedAt, lastEndedAt, lastOkAt) VALUES ('backup', 1, 2, 2), \
                ('integrity', 1, 2, 2)";
    let stored = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(file).arg(rows).status().unwrap();
    assert!(stored.success());
    let mut text = String::new();
    eventually("the jobs show", || {
        text = scrape(&setup.server);
        text.contains("portagent_backup_last_success_timestamp_seconds 0.002")
    });
    let mut said: BTreeSet<String> = BTreeSet::new();
    for (name, kind) in families(&text) {
        said.insert(name.to_owned());
        if kind == "histogram" {
            said.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
    }
    let rules = std::fs::read_to_string(packaging("prometheus/portagent.rules.yml")).unwrap();
    let asked = names(&rules).into_iter().chain(names(&expressions().join(" "))).collect::<BTreeSet<_>>();
    assert!(asked.len() > 40, "{asked:?}");
    let missing: Vec<&String> = asked.difference(&said).collect();
    assert!(missing.is_empty(), "not exported: {missing:?}");
}
