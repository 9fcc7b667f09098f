//! Conversations on their way out.

mod export;

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
