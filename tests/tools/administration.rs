//! Tool servers in the hands of administrators, and of no one else.

use serde_json::{Value, json};

use super::{chat, declared};
use crate::support::chat;

#[test]
fn servers_are_added_changed_tried_and_removed() {
    let chat = chat(json!({}), []);
    let http = chat.server.http();
    let authorization = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", chat.token);
    let ask = |method: &str, path: &str, body: &Value| {
        http.request(method, path, &authorization, body.to_string().as_bytes())
    };
    let mut body = declared("legacy", "46001");
    body["name"] = json!("fake");
    body["env"]["TOKEN"] = json!("hush");
    let added = ask("POST", "/api/admin/mcp", &body);
    assert_eq!((added.status, &added.json()["state"]), (201, &json!("idle")), "{}", added.text());
    assert!(!added.text().contains("hush"), "{}", added.text());
    assert_eq!(ask("POST", "/api/admin/mcp", &body).status, 409);
    assert_eq!(ask("POST", "/api/admin/mcp", &json!({"name": "x"})).json()["code"], "bad_tool_server");

    let tested = ask("POST", "/api/admin/mcp/fake/test", &json!({"tool": "echo", "input": {"text": "hi"}})).json();
    assert_eq!((&tested["state"], &tested["era"]), (&json!("ready"), &json!("legacy")), "{tested}");
    assert_eq!(tested["result"]["text"], "echo: hi");
    assert!(tested["stderr"].to_string().contains("fake server in mode legacy"), "{tested}");
    assert_eq!(tested["quarantined"][0]["name"], "bad");

    // A secret that comes back masked stays as it was.
    let mut shown = ask("GET", "/api/admin/mcp", &json!({})).json()["servers"][0]["declaration"].take();
    shown["disabled"] = json!(true);
    let changed = ask("PUT", "/api/admin/mcp/fake", &shown);
    assert_eq!((changed.status, &changed.json()["state"]), (200, &json!("off")), "{}", changed.text());
    let file = std::fs::read_to_string(chat.server.data_dir().join("mcp.json")).unwrap();
    assert!(file.contains("hush"), "{file}");

    assert_eq!(ask("DELETE", "/api/admin/mcp/fake", &json!({})).status, 200);
    assert_eq!(ask("DELETE", "/api/admin/mcp/fake", &json!({})).status, 404);
    assert_eq!(ask("PUT", "/api/admin/mcp/fake", &json!({"command": "x"})).status, 404);
    let log = std::fs::read_to_string(chat.server.log_file()).unwrap();
    for action in ["mcp.add", "mcp.test", "mcp.change", "mcp.remove"] {
        assert!(log.contains(&format!("action={action}")), "{action}");
    }
    assert!(!log.contains("hush"));
}

#[test]
fn others_are_kept_out() {
    let chat = chat(json!({}), []);
    let bob = chat::register(&chat.server, "bob");
    let http = chat.server.http();
    assert_eq!(http.get("/api/admin/mcp", Some(&bob)).status, 403);
    assert_eq!(http.get("/api/admin/mcp", None).status, 401);
    assert_eq!(http.post("/api/admin/mcp", Some(&bob), &json!({"name": "x", "command": "sh"})).status, 403);
    assert_eq!(http.get("/api/tools", None).status, 401);
}

#[test]
fn a_file_that_cannot_be_read_is_said_so() {
    let chat = chat(json!({}), []);
    std::fs::write(chat.server.data_dir().join("mcp.json"), "{").unwrap();
    let list = chat.server.http().get("/api/admin/mcp", Some(&chat.token)).json();
    assert!(list["error"].as_str().unwrap().contains("mcp.json cannot be used"), "{list}");
}

#[test]
fn the_commands_work_on_the_file() {
    let chat = chat(json!({}), []);
    let run = |arguments: &[&str]| chat.server.run(arguments);
    let added = run(&["mcp", "add", "time", "--env", "A=b", "--scope", "user", "--", "uvx", "-q", "mcp-server-time"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert_eq!(run(&["mcp", "add", "time", "--url", "http://x/"]).code, Some(1));
    assert_eq!(run(&["mcp", "add", "odd"]).code, Some(2));
    let list: Value = serde_json::from_str(&run(&["mcp", "list", "--json"]).stdout).unwrap();
    let expected = json!({"command": "uvx", "args": ["-q", "mcp-server-time"], "env": {"A": "********"},
        "scope": "user"});
    assert_eq!(list[0]["declaration"], expected);
    assert!(run(&["mcp", "list"]).stdout.contains("uvx -q mcp-server-time"));
    assert_eq!(run(&["mcp", "remove", "time"]).code, Some(0));
    assert_eq!(run(&["mcp", "remove", "time"]).code, Some(1));
}
