//! `portagent db recover`: from a damaged file to a running server, by the commands that it prints.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{agent, done, house, person};
use crate::support::chat;
use crate::support::people::{sql, try_login};

#[test]
fn a_damaged_server_runs_again_by_what_is_printed() {
    let mut chat = house();
    let server = &mut chat.server;
    person(server, "bob");
    let refused = server.run(&["db", "recover", "agentx"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("in use") && refused.stderr.contains("stop the server first"),
        "{}",
        refused.stderr
    );
    server.terminate();
    let expected = agent(server, "SELECT messageId, position, content FROM messages ORDER BY 1");
    let file = server.data_dir().join("data/agentx.db");
    let root: usize = agent(server, "SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'").parse().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[..100].fill(0);
    bytes[(root - 1) * 4096..root * 4096].fill(0);
    fs::write(&file, &bytes).unwrap();

    let run = server.run(&["db", "recover"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    assert!(run.stdout.contains("agentx.db is damaged: its first page is damaged"), "{}", run.stdout);
    assert!(run.stdout.contains("portagent.db is not damaged: nothing was written"), "{}", run.stdout);
    assert!(run.stdout.contains("2 sessions made anew from their conversations"), "{}", run.stdout);
    assert_eq!(fs::read(&file).unwrap(), bytes, "the original is as it was");

    let commands: Vec<&str> = run.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    for line in commands.iter().filter(|line| !line.starts_with("portagent ")) {
        assert!(Command::new("sh").args(["-ec", line]).status().unwrap().success(), "{line}");
    }
    assert_eq!(done(server, &["db", "check"])["checks"][0]["status"], "ok");
    assert_eq!(agent(server, "SELECT messageId, position, content FROM messages ORDER BY 1"), expected);
    server.restart();
    let token = chat::text_of(&try_login(server.http(), "bob", chat::PASSWORD).json()["token"]);
    let mut client = crate::support::ws::Client::connect(server.port(), &token);
    let record = client.ask("image_list_request", json!({}))["records"][0].clone();
    let image = chat::Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    assert_eq!(chat::chat(&mut client, &image, "and on").last().unwrap()["data"]["reason"], "completed");
}

#[test]
fn any_file_into_any_other() {
    let mut chat = house();
    let server = &mut chat.server;
    sql(server, "SELECT 1");
    server.terminate();
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("saved.db");
    let out = out.to_str().unwrap();
    let report: Value = done(server, &["db", "recover", "portagent", "--out", out]);
    assert_eq!((&report[0]["damage"], &report[0]["file"]), (&Value::Null, &json!(out)));
    let users = |report: &Value| {
        let tables = report[0]["tables"].as_array().unwrap();
        tables.iter().find(|table| table["name"] == "users").unwrap()["rows"].clone()
    };
    assert_eq!(users(&report), 1);
    let again = server.run(&["db", "recover", out, "--out", out]);
    assert!(again.code == Some(1) && again.stderr.contains("exists already"), "{}", again.stderr);
    let mut bytes = fs::read(out).unwrap();
    bytes.truncate(bytes.len() - 5000);
    fs::write(out, bytes).unwrap();
    let report = done(server, &["db", "recover", out]);
    assert_eq!(users(&report), 1);
    assert!(report[0]["file"].as_str().unwrap().contains("/saved.recovered-"), "{report}");
    let nothing = home.path().join("nothing.db");
    fs::write(&nothing, "no database").unwrap();
    let run = server.run(&["db", "recover", nothing.to_str().unwrap()]);
    assert!(run.stderr.contains("nothing in this file looks like a database of Portagent"), "{}", run.stderr);
    let run = server.run(&["db", "recover", "/nowhere/x.db"]);
    assert!(run.code == Some(1) && run.stderr.contains("/nowhere/x.db not found"), "{}", run.stderr);
}
