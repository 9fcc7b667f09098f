//! Tool servers: real processes that speak MCP, good ones and bad ones, behind the real server.

mod administration;
mod broken;
mod consent;
mod eras;
mod fetch;
mod lifetime;
mod many;
mod over_http;
mod people;
mod pictures;
mod rebinding;
mod rich;
mod server;
mod side_by_side;
mod web;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::chat::Chat;
use crate::support::server::Server;
use crate::support::upstream::Script;

/// A declaration of this very program as a tool server that behaves like `mode`. `marker` is in the command lines of
/// all its processes.
fn declared(mode: &str, marker: &str) -> Value {
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", "tools::server::as_a_process", "--nocapture", "--test-threads=1", marker];
    json!({"command": program, "args": args, "env": {"FAKE_MCP": mode, "MARKER": marker}, "approval": "auto"})
}

/// A home whose data directory declares these servers.
fn home(servers: Value) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    declare(&home.path().join("agentx"), servers);
    home
}

fn declare(data_dir: &Path, servers: Value) {
    fs::create_dir_all(data_dir).unwrap();
    fs::write(data_dir.join("mcp.json"), json!({ "mcpServers": servers }).to_string()).unwrap();
}

fn chat(servers: Value, scripts: impl IntoIterator<Item = Script>) -> Chat {
    Chat::in_home(Server::builder(), home(servers), scripts)
}

/// A model that calls a tool.
fn call(id: &str, tool: &str, input: &Value) -> Script {
    Script::tool_use("", "s", id, tool, &[&input.to_string()])
}

/// Processes whose command line has the marker in it: `sleep` is given it as a second number.
fn processes(marker: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pid = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(marker).then_some(pid)
    };
    entries.filter_map(pid).collect()
}

/// Waits until none is left.
fn all_gone(marker: &str, most: Duration) {
    let until = std::time::Instant::now() + most;
    while !processes(marker).is_empty() {
        assert!(std::time::Instant::now() < until, "left: {:?}", processes(marker));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a server and waits until it is ready or has failed, as an administrator does. On a busy machine a first turn
/// would not wait for it.
fn tested(chat: &Chat, name: &str) -> Value {
    let path = format!("/api/admin/mcp/{name}/test");
    let said = chat.server.http().post(&path, Some(&chat.token), &json!({})).json();
    assert_eq!(said["state"], "ready", "{said}");
    said
}
