//! A data directory of Portagent 1.9 becomes ours: everybody comes in as before, and finds everything in order.

mod dirty;
mod interrupted;
mod order;
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::ws;

const CONTAINER: &str = "user-60c586d9-811e-46e1-bc47-2a2921f2b375";

/// A directory as 1.9 left it: its two databases, and a file of an agent.
fn old_data() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("agentx/data");
    fs::create_dir_all(&data).unwrap();
    for name in ["agentx.db", "portagent.db"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v19").join(name), data.join(name)).unwrap();
    }
    let work = home.path().join("agentx/containers").join(CONTAINER).join("workdirs/img_mwrk93ek_ic6314");
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("notes.txt"), "an agent's file").unwrap();
    home
}

fn snapshots(server: &Server, name: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(server.data_dir().join("data/snapshots"));
    let mut found: Vec<PathBuf> = found
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name))
        .collect();
    found.sort();
    found
}

/// Everything that a user has, as a client reads it: conversations, each with its messages.
fn everything(server: &Server, token: &str) -> Vec<(Value, Vec<Value>)> {
    let mut socket = ws::Client::connect(server.port(), token);
    let list = socket.ask("image_list_request", json!({"limit": 200}));
    let records = list["records"].as_array().unwrap().clone();
    let read = |record: Value| {
        let page = socket.ask("image_messages_request", json!({"imageId": record["imageId"], "limit": 200}));
        (record, page["messages"].as_array().unwrap().clone())
    };
    records.into_iter().map(read).collect()
}

/// The text of a message, whatever its parts are.
fn text(message: &Value) -> String {
    let parts = message["content"].as_array().unwrap();
    parts.iter().filter_map(|part| part["text"].as_str()).collect()
}

/// One line about everything in the databases, to compare two moments.
fn contents(server: &Server) -> String {
    let data = server.data_dir().join("data");
    let agent =
        "SELECT * FROM containers ORDER BY 1; SELECT * FROM images ORDER BY 1; SELECT * FROM sessions ORDER BY 1;
                 SELECT * FROM messages ORDER BY 1;";
    sqlite3(&data.join("agentx.db"), agent) + &sqlite3(&data.join("portagent.db"), "SELECT * FROM users ORDER BY 1;")
}
