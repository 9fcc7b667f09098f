//! Disks, files and other programs that get in the way: said once, and gone when the cause is gone.

mod full_disk;
mod locked;
mod missing;
mod odd_media;
mod replaced;
mod start;
mod unwritable;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::Image;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::ws::Client;

/// Lines of the log's own room about a database, by level.
fn said(server: &Server, level: &str, about: &str) -> Vec<String> {
    let text = server.stdout();
    let is_it = |line: &&str| line.contains(&format!(" {level}")) && line.contains(" store ") && line.contains(about);
    text.lines().filter(is_it).map(str::to_owned).collect()
}

/// Sends a message and returns the code with which it was refused; empty when it was taken.
fn refusal(client: &mut Client, image: &Image, text: &str, id: &str) -> String {
    let data = json!({"imageId": image.id, "content": text, "clientMessageId": id});
    let answer = client.request("message_send_request", data);
    answer["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// The status of a check in `/health/ready`, and what it says.
fn check(server: &Server, name: &str) -> (String, String) {
    let ready = server.http().get("/health/ready", None).json();
    let checks = ready["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {ready}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&found["status"]), text(&found["message"]))
}

fn eventually_well(server: &Server, database: &str) {
    eventually(&format!("{database} is well again"), || check(server, database).0 == "pass");
    assert_eq!(server.http().get("/health", None).status, 200);
}

/// Time in which a message that is not said once would be said many times.
const A_WHILE: Duration = Duration::from_millis(2500);
