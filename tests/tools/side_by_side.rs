//! What a conversation's models are told of tools stays the same; calls of one round run at once where they may.

use serde_json::{Value, json};

use super::{chat, declare, declared, tested};
use crate::support::chat::{self, of_type};
use crate::support::upstream::Script;

fn tools(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn order_and_definitions_are_frozen() {
    let servers = json!({"b": declared("legacy", "45001"), "a": declared("legacy", "45002")});
    let mut chat = chat(servers, [Script::text("One."), Script::text("Two.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go");
    chat.server.restart();
    let mut client = chat.socket();
    chat::subscribe(&mut client, &image, None);
    let events = chat::chat(&mut client, &image, "go on");
    assert_eq!(of_type(&events, "tools_changed").len(), 0);
    let requests = chat.upstream.requests();
    assert_eq!(requests[0].body["tools"].to_string(), requests[1].body["tools"].to_string(), "byte for byte");
    let names = tools(&requests[0].body);
    let of_servers: Vec<&String> = names.iter().filter(|name| name.contains("__")).collect();
    assert!(of_servers.is_sorted() && of_servers.contains(&&"a__echo".to_owned()), "{names:?}");
    assert!(!names.contains(&"a__bad".to_owned()), "a schema that providers refuse hurts no other");
}

#[test]
fn a_conversation_chooses_its_tools() {
    let chat = chat(json!({"fake": declared("legacy", "45003")}), ["1", "2", "3"].map(Script::text));
    let mut client = chat.socket();
    let record = client.ask("image_create_request", json!({"tools": ["current_time"]}))["record"].take();
    assert_eq!(record["tools"], json!(["current_time"]));
    let image = chat::Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "go");
    assert_eq!(tools(&chat.upstream.requests()[0].body), ["current_time"]);
    let update = |tools: Value| json!({"imageId": image.id, "updates": {"tools": tools}});
    let record = client.ask("image_update_request", update(json!(["fake"])))["record"].take();
    assert_eq!(record["tools"], json!(["fake"]));
    let events = chat::chat(&mut client, &image, "go on");
    let change = &of_type(&events, "tools_changed")[0]["data"];
    assert_eq!(change["removed"], json!(["current_time"]));
    assert!(!tools(&chat.upstream.requests()[1].body).contains(&"current_time".to_owned()));
    let wrong = json!({"mcpServers": {"x": {"command": "sh"}}});
    assert_eq!(client.ask_for_trouble("image_create_request", wrong.clone()), "forbidden_field");
    let wrong = json!({"imageId": image.id, "updates": wrong});
    assert_eq!(client.ask_for_trouble("image_update_request", wrong), "forbidden_field");
}

#[test]
fn the_file_is_read_again_when_it_changes() {
    let chat = chat(json!({}), ["1", "2"].map(Script::text));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go");
    declare(&chat.server.data_dir(), json!({"fake": declared("legacy", "45004")}));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "go");
    assert!(tools(&chat.upstream.requests()[1].body).contains(&"fake__echo".to_owned()));
    let choices = chat.server.http().get("/api/tools", Some(&chat.token)).json();
    let expected = json!({"name": "fake", "kind": "server", "isDefault": true});
    assert!(choices["tools"].as_array().unwrap().contains(&expected), "{choices}");
}

/// Both calls are answered when both have come.
#[test]
fn calls_of_one_round_run_at_once_where_the_server_allows_it() {
    let mut fake = declared("legacy", "45005");
    fake["parallel"] = json!(true);
    let both = json!({"count": 2});
    let script = Script::calls(&[("t1", "fake__gather", both.clone()), ("t2", "fake__gather", both.clone())]);
    let chat = chat(json!({"fake": fake}), [script, Script::text("Done.")]);
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let results = of_type(&events, "tool_result");
    assert!(results.iter().all(|result| result["data"]["result"] == "all are here"), "{results:?}");
    assert_eq!(results.len(), 2);
}

#[test]
fn others_run_in_their_order() {
    let mut fake = declared("legacy", "45006");
    fake["timeoutSeconds"] = json!(1);
    let script = Script::calls(&[
        ("t1", "fake__gather", json!({"count": 2})),
        ("t2", "fake__echo", json!({"text": "afterwards"})),
    ]);
    let chat = chat(json!({"fake": fake}), [script, Script::text("Done.")]);
    tested(&chat, "fake");
    let (mut client, image) = chat.conversation();
    let events = chat::chat(&mut client, &image, "go");
    let results = of_type(&events, "tool_result");
    assert!(results[0]["data"]["result"].as_str().unwrap().contains("did not answer in time"), "{results:?}");
    assert_eq!(results[1]["data"]["result"], "echo: afterwards");
}
