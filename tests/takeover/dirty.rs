//! A larger directory, in the state in which 1.9 leaves them after years: duplicates, orphans, data without an owner,
//! names that were never checked.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{CONTAINER, everything, old_data, text};
use crate::support::people::{sqlite3, try_login};
use crate::support::server::Server;

const CONVERSATIONS: usize = 120;
/// Those made here, that of the sample, and the one whose messages are unreadable.
pub const CONVERSATIONS_OF_OPS1: usize = CONVERSATIONS + 2;

fn row(sql: &mut String, key: &str, value: &str) {
    let quoted = value.replace('\'', "''");
    sql.push_str(&format!("INSERT INTO kv_storage VALUES ('{key}', '{quoted}', 1795000000000, 1795000000001);\n"));
}

/// A conversation with its session and its list of messages, as 1.9 stored the three.
fn conversation(sql: &mut String, id: &str, container: &str, at: u64, messages: &str) {
    let (image, session) = (format!("img_{id}"), format!("sess_{id}"));
    let times = json!({"createdAt": at, "updatedAt": at});
    let mut record =
        json!({"imageId": image, "containerId": container, "sessionId": session, "name": format!("talk {id}")});
    record.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    row(sql, &format!("images:{image}"), &record.to_string());
    row(sql, &format!("idx:images:name:talk {id}"), "stale");
    row(sql, &format!("sessions:{session}"), &record.to_string());
    row(sql, &format!("messages:{session}"), messages);
}

/// A question; an answer that two tabs stored; a tool call, stored before its text; its result; an error.
fn messages(n: usize) -> Vec<Value> {
    let at = 1_795_000_000_000_u64 + 1000 * n as u64;
    let answer = json!({"id": format!("msg_a{n}"), "role": "assistant", "subtype": "assistant",
        "content": [{"type": "text", "text": format!("answer {n} 小")}], "timestamp": at + 1});
    vec![
        json!({"id": format!("msg_u{n}"), "role": "user", "subtype": "user", "content": format!("question {n}"), "timestamp": at}),
        answer.clone(),
        answer,
        json!({"id": format!("msg_c{n}"), "role": "assistant", "subtype": "tool-call", "content": "", "timestamp": at + 2,
            "toolCall": {"type": "tool-call", "id": format!("call_{n}"), "name": "shell", "input": {"command": "ls"}}}),
        json!({"id": format!("msg_r{n}"), "role": "tool", "subtype": "tool-result", "toolCallId": format!("call_{n}"),
            "timestamp": at + 3, "toolResult": {"type": "tool-result", "id": format!("call_{n}"), "name": "shell",
            "output": {"type": "error-text", "value": "no such file"}}}),
        json!({"id": format!("msg_e{n}"), "role": "error", "subtype": "error", "content": "overloaded",
            "errorCode": "overloaded_error", "timestamp": at + 4}),
    ]
}

/// The directory; everything in it is made anew for each test.
pub fn large() -> TempDir {
    let home = old_data();
    let data = home.path().join("agentx/data");
    let mut sql = "BEGIN;\n".to_owned();
    for n in 0..CONVERSATIONS {
        let list = Value::Array(messages(n)).to_string();
        conversation(&mut sql, &format!("n{n}"), CONTAINER, 1_795_000_000_000 + n as u64, &list);
    }
    conversation(&mut sql, "broken", CONTAINER, 1, "[{\"id\":\"msg_cut");
    conversation(&mut sql, "blank", "user-of-the-blank", 2, "[]");
    for n in 0..5 {
        conversation(&mut sql, &format!("nobody{n}"), "user-nobody", 3, &Value::Array(messages(900 + n)).to_string());
        row(&mut sql, &format!("messages:sess_orphan{n}"), &Value::Array(messages(800 + n)).to_string());
    }
    row(&mut sql, "containers:user-nobody", r#"{"containerId":"user-nobody","createdAt":1,"updatedAt":1}"#);
    row(&mut sql, "images:img_nonsense", "{not json");
    row(&mut sql, "invented:thing", "7");
    sql.push_str("COMMIT;");
    sqlite3(&data.join("agentx.db"), &sql);
    add_people(&data.join("portagent.db"));
    home
}

/// A name of blanks, names that differ in case only, and a name that is another account's e-mail; all with the same
/// password as ops1.
fn add_people(database: &Path) {
    for (at, (id, name, email, container)) in [
        ("u-blank", "   ", "u-blank@noemail.portagent", "user-of-the-blank"),
        ("u-john", "john", "john@example.com", "user-john"),
        ("u-john-2", "John", "u-john-2@noemail.portagent", "user-john-2"),
        ("u-thief", "john@example.com", "u-thief@noemail.portagent", "user-thief"),
    ]
    .into_iter()
    .enumerate()
    {
        sqlite3(
            database,
            &format!(
                "INSERT INTO users SELECT '{id}', '{name}', '{email}', passwordHash, '{container}', NULL, NULL, 1, \
                 createdAt + {at} + 1, updatedAt FROM users WHERE username = 'ops1'"
            ),
        );
    }
}

/// The same once more, byte for byte.
pub fn copy_of(home: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let (from, to) = (home.join("agentx/data"), copy.path().join("agentx/data"));
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn owned_data_is_there_once_and_in_order() {
    let mut server = Server::builder().start_in(large());
    let answer = try_login(server.http(), "ops1", "secret123");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let all = everything(&server, answer.json()["token"].as_str().unwrap());
    assert_eq!(all.len(), CONVERSATIONS_OF_OPS1);
    for (record, messages) in &all {
        let Some(n) = record["imageId"].as_str().unwrap().strip_prefix("img_n") else { continue };
        assert_eq!(record["name"], format!("talk n{n}"));
        let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "assistant", "tool", "error"], "{record}");
        assert_eq!((text(&messages[0]), text(&messages[1])), (format!("question {n}"), format!("answer {n} 小")));
        let call = &messages[2]["content"][0];
        assert_eq!((&call["toolName"], &call["input"]), (&json!("shell"), &json!({"command": "ls"})));
        let result = &messages[3]["content"][0];
        assert_eq!((&result["result"], &result["isError"]), (&json!("no such file"), &json!(true)));
        assert_eq!(messages[4]["content"][0]["code"], "overloaded_error");
    }
    server.terminate();
    let database = server.data_dir().join("data/agentx.db");
    let ownerless = "SELECT count(*) FROM images WHERE containerId = 'user-nobody'";
    assert_eq!(sqlite3(&database, ownerless), "0", "data without an owner is kept out");
    assert_eq!(sqlite3(&database, "PRAGMA foreign_key_check; PRAGMA integrity_check"), "ok");
    let log = fs::read_to_string(server.log_file()).unwrap();
    let counted = format!(
        "folded {CONVERSATIONS} that stood there twice; left out 5 conversations without an owner, 5 message lists"
    );
    assert!(log.contains(&counted), "{log}");
}

#[test]
fn odd_names_log_in_and_no_account_logs_in_as_another() {
    let server = Server::builder().start_in(large());
    let who = |name: &str| {
        let answer = try_login(server.http(), name, "secret123");
        (answer.status, answer.json()["user"]["userId"].as_str().map(str::to_owned))
    };
    for (name, id) in [("john", "u-john"), ("John", "u-john-2")] {
        assert_eq!(who(name), (200, Some(id.to_owned())), "{name}");
    }
    assert_eq!(who("JOHN").0, 401, "it could be either");
    assert_eq!(server.run(&["user", "disable", "u-blank"]).code, Some(0), "by userId there is always a way");
    let list = server.run(&["user", "list"]);
    assert!(list.stdout.lines().count() == 6, "{}", list.stdout);
}
