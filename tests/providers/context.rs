//! How large a context a model of Ollama is loaded with is set by administrators: it is sent, it decides what is left out,
//! and it is shown.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type};
use crate::support::http::Response;
use crate::support::upstream::Script;
use crate::support::wires::Wire;

fn set(chat: &Chat, model: &str, tokens: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {}\r\n", chat.token);
    let body = json!({"context": {"model": model, "tokens": tokens}});
    chat.server.http().request("PUT", "/api/admin/models", &headers, body.to_string().as_bytes())
}

#[test]
fn of_a_model_is_set_sent_shown_and_decides_what_fits() {
    let chat = Chat::on(Wire::Ollama, []);
    chat.upstream.always(|| Wire::Ollama.text(&["Yes."]));
    chat.upstream.lists(json!({"models": [{"name": "qwen3:8b"}]}));
    chat.upstream.shows(json!({"capabilities": ["completion"], "model_info": {"qwen3.context_length": 40_000}}));
    let listed = || chat.server.http().get("/api/models?refresh=1", Some(&chat.token)).json()["models"].take();
    let window = |listed: &Value| {
        let found = listed.as_array().unwrap().iter().find(|model| model["id"] == "ollama/qwen3:8b");
        found.expect("it is listed")["contextTokens"].clone()
    };
    assert_eq!(window(&listed()), 40_000);

    for (model, tokens) in [("ollama/qwen3:8b", 40_001), ("ollama/qwen3:8b", 1023), ("nowhere/m", 4096)] {
        let refused = set(&chat, model, &json!(tokens));
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (400, Some("invalid_context")),
            "{model} {tokens}"
        );
    }
    let saved = set(&chat, "ollama/qwen3:8b", &json!(2048)).json();
    assert_eq!((&saved["contexts"], &saved["takeContext"]), (&json!({"ollama/qwen3:8b": 2048}), &json!(["ollama"])));
    assert_eq!(window(&listed()), 2048);
    let shown = chat.server.run(&["model", "context", "ollama/qwen3:8b"]).stdout;
    assert!(shown.contains("context: ollama/qwen3:8b 2048\n"), "{shown}");

    let mut client = chat.socket();
    let record = client.ask("image_create_request", json!({"model": "ollama/qwen3:8b"}))["record"].take();
    let image = chat::Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    let sent = |number: usize| chat.upstream.requests()[number].body["options"]["num_ctx"].clone();
    for number in 0..3 {
        chat::chat(&mut client, &image, &format!("Question {number}? {}", "x".repeat(4000)));
        assert_eq!(sent(number), 2048);
    }
    assert_eq!(chat::page(&mut client, &image)["context"]["window"], 2048);
    let events = chat::chat(&mut client, &image, "And what was the second one?");
    assert_eq!(of_type(&events, "context_trimmed").len(), 0, "12 KiB may fit");
    let events = chat::chat(&mut client, &image, &"y".repeat(4000));
    assert_eq!(of_type(&events, "context_trimmed").len(), 1, "what cannot fit is left out before it is asked");
    let asked = chat.upstream.requests().last().unwrap().body["messages"].to_string();
    assert!(asked.contains("Question 0?") && !asked.contains("Question 1?"), "{asked}");

    // A question that is too long alone names the way out.
    let refusal = br#"{"error":"input length exceeds maximum context length"}"#;
    chat.upstream.always(move || Script { status: 400, ..Script::raw("application/json", refusal) });
    let fresh = chat::create(&mut client);
    chat::subscribe(&mut client, &fresh, None);
    let events = chat::chat(&mut client, &fresh, "long");
    let error = &of_type(&events, "error_occurred")[0]["data"];
    assert_eq!(error["code"], "upstream_too_large");
    assert!(error["hint"].as_str().unwrap().contains("larger context"), "{error}");

    // A command beside the running server counts at the next question.
    chat.upstream.always(|| Wire::Ollama.text(&["Yes."]));
    let cleared = chat.server.run(&["model", "context", "ollama/qwen3:8b", "--none"]);
    assert!(!cleared.stdout.contains("2048"), "{}", cleared.stdout);
    chat::chat(&mut client, &fresh, "and now?");
    assert_eq!(chat.upstream.requests().last().unwrap().body["options"]["num_ctx"], 8192);
    assert_eq!(window(&listed()), 40_000);
}
