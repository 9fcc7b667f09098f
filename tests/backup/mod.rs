//! Backups as an operator meets them: made beside a running server and without one, by hand and by themselves.

mod chatting;
mod command;
mod disk;
pub mod encrypted;
mod killed;
mod schedule;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Run;
use crate::support::server::Server;
use crate::support::ws::Client;

fn done(run: &Run) -> &str {
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    &run.stdout
}

/// Backs up and returns what the command says about it.
fn backup(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(done(&server.run(&[&["backup", "--json"], arguments].concat()))).unwrap()
}

fn file_of(backup: &Value) -> PathBuf {
    PathBuf::from(backup["file"].as_str().unwrap())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect());
    let mut names: Vec<String> =
        entries.unwrap_or_else(|_| Vec::new()).into_iter().map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Unpacks an archive as anybody would; tar must have nothing to say about it.
fn unpacked(archive: &Path) -> tempfile::TempDir {
    let into = tempfile::tempdir().unwrap();
    let output =
        std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into.path()).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
    into
}

/// A person with a conversation and a message that was answered.
fn register_and_chat(server: &Server, name: &str) -> Client {
    let token = crate::support::people::register(server, name);
    let mut client = Client::connect(server.port(), &token);
    let image = client.ask("image_create_request", json!({}))["record"]["imageId"].clone();
    client.ask("subscribe_request", json!({"imageId": image}));
    client.ask("message_send_request", json!({"imageId": image, "content": "hello"}));
    client.events_until("conversation_end");
    client
}

/// Makes the databases so large that a backup takes its time.
fn fill(server: &Server, mebibytes: u32) {
    let rows = mebibytes * 256;
    let sql = format!(
        "CREATE TABLE filling (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {rows}) \
         INSERT INTO filling SELECT randomblob(4000) FROM n;"
    );
    crate::support::people::sqlite3(&server.data_dir().join("data/agentx.db"), &sql);
}
