//! Care for the databases, as an operator does it with commands, beside a running server and without one.

mod check;
mod killed;
mod people;
mod recover;
mod tend;

use std::fs;

use serde_json::Value;

use crate::support::chat::{self, Chat};
use crate::support::people::{sql, sqlite3};
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// A server where every question is answered at once. Its only account is the administrator alice, without data.
fn house() -> Chat {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    chat
}

/// A new account with two conversations of two messages each, and a file; its container.
fn person(server: &Server, name: &str) -> String {
    let token = chat::register(server, name);
    let mut client = Client::connect(server.port(), &token);
    for text in ["one", "two"] {
        let image = chat::create(&mut client);
        chat::send(&mut client, &image, text);
        chat::settled(&mut client, &image);
    }
    let container = sql(server, &format!("SELECT containerId FROM users WHERE username = '{name}'"));
    let work = server.data_dir().join("containers").join(&container).join("workdirs/x");
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("notes.txt"), "a file").unwrap();
    container
}

/// The operator's `sqlite3` on the conversations.
fn agent(server: &Server, sql: &str) -> String {
    sqlite3(&server.data_dir().join("data/agentx.db"), sql)
}

/// A command's JSON, and that it went well.
fn done(server: &Server, arguments: &[&str]) -> Value {
    let run = server.run(&[arguments, &["--json"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}: {}", run.stdout);
    serde_json::from_str(&run.stdout).unwrap()
}
