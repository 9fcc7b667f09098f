//! A configured model that is about to retire is announced, before people meet an error.

use serde_json::{Value, json};

use super::{KEY, add, second};
use crate::support::chat::Chat;
use crate::support::eventually;

/// A day so far from now.
fn day(days: i64) -> String {
    let arguments = ["-u", "-d", &format!("{days} days"), "+%Y-%m-%dT%H:%M:%SZ"];
    let output = std::process::Command::new("date").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn thirty_days_before_the_last_day_health_and_doctor_warn() {
    let chat = Chat::with([]);
    let check = || {
        let ready = chat.server.http().get("/health/ready", None).json();
        ready["checks"].as_array().unwrap().iter().find(|one| one["name"] == "models").unwrap().clone()
    };
    let lists = |days: i64| {
        let model = json!({"id": "claude-sonnet-5-5", "lifecycle": "deprecated", "retires_at": day(days)});
        chat.upstream.lists(json!({"data": [model]}));
        chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json()["models"][0].take()
    };
    assert_eq!(lists(40)["lifecycle"], "deprecated");
    eventually("there is time enough", || check()["status"] == "pass");
    lists(20);
    eventually("it is time", || check()["status"] == "warn");
    let said = check()["message"].as_str().unwrap().to_owned();
    assert!(said.starts_with("anthropic/claude-sonnet-5-5 retires on ") && said.ends_with("in 19 days"), "{said}");
    assert_eq!(chat.server.http().get("/health/ready", None).status, 200, "it answers as yet");
    let doctor: Value = serde_json::from_str(&chat.server.run(&["doctor", "--json"]).stdout).unwrap();
    let model = doctor["checks"].as_array().unwrap().iter().find(|one| one["name"] == "model").unwrap();
    assert_eq!(model["verdict"], "warn", "{model}");
    let series = "portagent_model_retires_timestamp_seconds{provider=\"anthropic\",model=\"claude-sonnet-5-5\"}";
    eventually("Prometheus knows", || chat.server.http().get("/metrics", None).text().contains(series));
    assert_eq!(lists(-1)["lifecycle"], "retired");
    eventually("it is over", || check()["message"].as_str().unwrap().contains("was retired on"));
}

#[test]
fn announcements_are_known_where_a_server_lists_ids_only() {
    let chat = Chat::with([]);
    let other = second(&["claude-sonnet-4-20250514", "claude-new"]);
    let body = json!({"name": "gate", "kind": "anthropic", "url": other.url(), "key": KEY});
    assert_eq!(add(&chat, &body).status, 201);
    let models = chat.server.http().get("/api/models", Some(&chat.token)).json()["models"].take();
    let of = |id: &str| models.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    let old = of("gate/claude-sonnet-4-20250514");
    assert_eq!((&old["lifecycle"], &old["retiresAt"]), (&json!("retired"), &json!("2026-06-15")));
    assert_eq!(of("gate/claude-new").get("lifecycle"), None);
    let list = chat.server.run(&["model", "list"]);
    let line = list.stdout.lines().find(|line| line.starts_with("gate/claude-sonnet-4-20250514")).unwrap();
    assert!(line.ends_with("retired 2026-06-15"), "{line}");
}
