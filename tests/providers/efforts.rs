//! How deeply a model thinks can be chosen where it has that: by what its provider states, or by what is known of its
//! name; and no longer where it was refused.

use serde_json::{Value, json};

use super::{KEY, add, answer, conversation_with};
use crate::support::chat::{self, Chat};
use crate::support::upstream::{Script, Upstream};
use crate::support::wires::Wire;

struct Row {
    wire: Wire,
    model: &'static str,
    /// What the provider's list says of it beside its name.
    states: Value,
    offered: Value,
    wanted: &'static str,
    /// Where it is sent, and as what.
    field: &'static str,
    sent: Value,
    refusal: &'static str,
    /// What is offered and sent after that.
    left: Value,
    instead: Value,
    learned: &'static str,
}

fn rows() -> Vec<Row> {
    let all = json!(["none", "low", "medium", "high", "xhigh", "max"]);
    let router = json!({"supported_parameters": ["tools", "reasoning"],
        "reasoning": {"supported_efforts": ["high", "low"], "mandatory": true}});
    let value = "Unsupported value: 'low' is not supported with this model. 'reasoning_effort': Supported values are: \
                 'medium' and 'high'.";
    vec![
        Row {
            wire: Wire::Chat,
            model: "gpt-6-luna",
            states: json!({}),
            offered: all.clone(),
            wanted: "xhigh",
            field: "/reasoning_effort",
            sent: json!("xhigh"),
            refusal: "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
            left: Value::Null,
            instead: Value::Null,
            learned: "no-effort",
        },
        Row {
            wire: Wire::Responses,
            model: "gpt-6-luna",
            states: json!({}),
            offered: all,
            wanted: "low",
            field: "/reasoning/effort",
            sent: json!("low"),
            refusal: value,
            left: json!(["medium", "high"]),
            instead: json!("medium"),
            learned: "efforts=medium,high",
        },
        Row {
            wire: Wire::Chat,
            model: "vendor/new-1",
            states: router,
            offered: json!(["low", "high"]),
            wanted: "max",
            field: "/reasoning_effort",
            sent: json!("high"),
            refusal: "reasoning_effort: Extra inputs are not permitted",
            left: Value::Null,
            instead: Value::Null,
            learned: "no-effort",
        },
        Row {
            wire: Wire::Ollama,
            model: "gpt-oss:20b",
            states: json!({"capabilities": ["completion", "thinking"]}),
            offered: json!(["low", "medium", "high"]),
            wanted: "low",
            field: "/think",
            sent: json!("low"),
            refusal: "think value \"low\" is not supported for this model",
            left: Value::Null,
            instead: Value::Null,
            learned: "no-effort",
        },
        Row {
            wire: Wire::Ollama,
            model: "qwen3:8b",
            states: json!({"capabilities": ["completion", "thinking"]}),
            offered: json!(["none"]),
            wanted: "none",
            field: "/think",
            sent: json!(false),
            refusal: "think value false is not supported for this model",
            left: Value::Null,
            instead: Value::Null,
            learned: "no-effort",
        },
    ]
}

fn upstream(row: &Row) -> Upstream {
    let upstream = Upstream::start();
    if row.wire == Wire::Ollama {
        upstream.lists(json!({"models": [{"name": row.model}]}));
        upstream.shows(row.states.clone());
    } else {
        let mut entry = row.states.clone();
        entry["id"] = json!(row.model);
        upstream.lists(json!({ "data": [entry] }));
    }
    let wire = row.wire;
    upstream.always(move || wire.text(&["second"]));
    upstream
}

fn efforts_of(chat: &Chat, id: &str) -> Value {
    let listed = chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json();
    let models = listed["models"].as_array().expect("models");
    let found = models.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("{id} in {listed}"));
    found.get("efforts").cloned().unwrap_or_default()
}

#[test]
fn are_offered_sent_and_after_a_refusal_no_longer_offered() {
    let chat = Chat::with([]);
    for (at, row) in rows().iter().enumerate() {
        let (name, what) = (format!("second-{at}"), format!("{} on {:?}", row.model, row.wire));
        let other = upstream(row);
        let body = json!({"name": name, "kind": row.wire.provider(), "url": other.url(), "key": KEY});
        assert_eq!(add(&chat, &body).status, 201, "{what}");
        let id = format!("{name}/{}", row.model);
        assert_eq!(efforts_of(&chat, &id), row.offered, "{what}");

        let (mut client, image) = conversation_with(&chat, &json!(id));
        let sent = |number: usize| other.requests()[number].body.pointer(row.field).cloned().unwrap_or_default();
        let before = answer(&mut client, &image);
        assert_eq!((before.as_str(), sent(0)), ("second", Value::Null), "{what}: nothing is sent where nothing is set");
        client.ask("image_update_request", json!({"imageId": image.id, "updates": {"effort": row.wanted}}));
        assert_eq!((answer(&mut client, &image).as_str(), sent(1)), ("second", row.sent.clone()), "{what}");

        other.push(Script::refusal(400, "invalid_request_error", row.refusal));
        assert_eq!(answer(&mut client, &image), "second", "{what}: healed");
        assert_eq!((sent(2), sent(3), other.requests().len()), (row.sent.clone(), row.instead.clone(), 4), "{what}");
        assert_eq!(efforts_of(&chat, &id), row.left, "{what}: what was refused is no longer offered");
        chat::chat(&mut client, &image, "again");
        assert_eq!((sent(4), other.requests().len()), (row.instead.clone(), 5), "{what}: nor sent");

        let list = chat.server.run(&["model", "list", "-v"]);
        let line = list.stdout.lines().find(|line| line.starts_with(&id)).expect("its line");
        assert!(line.ends_with(row.learned), "{what}: {line}");
        let left = row.left.as_array().map(|left| left.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","));
        assert_eq!(line.contains("effort="), left.is_some(), "{line}");
        assert!(line.contains(&left.unwrap_or_default()), "{line}");
    }
}
