//! 1.9 stored the calls of a message before its text: taken over, they stand as they were said, on the page and for the
//! model.

use serde_json::json;

use super::{CONTAINER, everything, old_data, text};
use crate::support::chat::{self, Image};
use crate::support::people::{sqlite3, try_login};
use crate::support::server::Server;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

#[test]
fn a_text_stands_before_its_call() {
    let call = |id: &str, parent: &str| {
        json!({"id": format!("msg_{id}"), "role": "assistant", "subtype": "tool-call", "content": "", "parentId": parent,
            "toolCall": {"type": "tool-call", "id": id, "name": "shell", "input": {"command": "ls"}}, "timestamp": 2})
    };
    let said = |id: &str, text: &str| json!({"id": id, "role": "assistant", "subtype": "assistant", "content": [{"type": "text", "text": text}], "timestamp": 3});
    let result = |id: &str| {
        json!({"id": format!("res_{id}"), "role": "tool", "subtype": "tool-result", "toolCallId": id, "timestamp": 4,
            "toolResult": {"type": "tool-result", "id": id, "name": "shell", "output": {"type": "text", "value": format!("of {id}")}}})
    };
    let question =
        json!({"id": "msg_q", "role": "user", "subtype": "user", "content": "What is there?", "timestamp": 1});
    // The first text came at once, the second only behind the result.
    let list = json!([
        question,
        call("toolu_1", "msg_a"),
        said("msg_a", "Let me look."),
        result("toolu_1"),
        call("toolu_2", "msg_b"),
        result("toolu_2"),
        said("msg_b", "And there."),
        said("msg_c", "Nothing.")
    ]);
    let home = old_data();
    let record = json!({"imageId": "img_tools", "containerId": CONTAINER, "sessionId": "sess_tools", "name": "tools",
        "createdAt": 1, "updatedAt": 1_999_999_999_999_u64});
    let row = |key: &str, value: &str| format!("INSERT INTO kv_storage VALUES ('{key}', '{value}', 1, 1);");
    let sql = row("images:img_tools", &record.to_string())
        + &row("sessions:sess_tools", &record.to_string())
        + &row("messages:sess_tools", &list.to_string());
    sqlite3(&home.path().join("agentx/data/agentx.db"), &sql);
    let upstream = Upstream::with([Script::text("You are welcome.")]);
    let server = Server::builder()
        .env("LLM_PROVIDER", "anthropic")
        .env("LLM_PROVIDER_URL", &upstream.url())
        .env("LLM_PROVIDER_KEY", "key-of-the-test")
        .start_in(home);
    let token = chat::text_of(&try_login(server.http(), "ops1", "secret123").json()["token"]);

    let all = everything(&server, &token);
    let (_, messages) = all.iter().find(|(record, _)| record["name"] == "tools").unwrap();
    let shown: Vec<String> = messages
        .iter()
        .map(|message| {
            let part = &message["content"][0];
            let called = part["toolCallId"].as_str().unwrap_or("");
            format!("{} {}{called}", message["role"].as_str().unwrap(), text(message))
        })
        .collect();
    let expected = [
        "user What is there?",
        "assistant Let me look.",
        "assistant toolu_1",
        "tool toolu_1",
        "assistant And there.",
        "assistant toolu_2",
        "tool toolu_2",
        "assistant Nothing.",
    ];
    assert_eq!(shown, expected);

    let mut client = Client::connect(server.port(), &token);
    let image = Image { id: "img_tools".to_owned(), session: "sess_tools".to_owned() };
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "thanks");
    let requests = upstream.requests();
    assert_eq!(requests.len(), 1, "the strict upstream refuses nothing of it");
    let sent: Vec<String> = requests[0].body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| {
            let kinds = turn["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap());
            format!("{}: {}", turn["role"].as_str().unwrap(), kinds.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let expected = [
        "user: text",
        "assistant: text tool_use",
        "user: tool_result",
        "assistant: text tool_use",
        "user: tool_result",
        "assistant: text",
        "user: text",
    ];
    assert_eq!(sent, expected);
}
