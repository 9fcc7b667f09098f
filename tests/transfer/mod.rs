//! Conversations on their way out and in.

mod command;
mod export;
mod import;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::http::Response;
use crate::support::server::Server;

/// An export over HTTP.
fn export(server: &Server, token: &str, query: &str) -> Response {
    server.http().get(&format!("/api/export?{query}"), Some(token))
}

/// What Python, which has a reader of zip archives, says about one.
fn python(directory: &Path, script: &str) -> Value {
    let run = Command::new("python3").args(["-c", script]).current_dir(directory).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Sends a file.
fn post(server: &Server, token: &str, query: &str, body: &[u8]) -> Response {
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n");
    server.http().request("POST", &format!("/api/import{query}"), &headers, body)
}

/// Imports a file: what is reported.
fn import(server: &Server, token: &str, body: &[u8]) -> Value {
    let answer = post(server, token, "", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}
