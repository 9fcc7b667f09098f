//! A person's data: exported, deleted with all that is theirs, and forgotten when it has grown old.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{agent, done, house, person};
use crate::support::chat::{self, Chat};
use crate::support::eventually;
use crate::support::people::{sql, try_login, verify};
use crate::support::upstream::{Script, Step};
use crate::support::ws::Client;

fn shell(directory: &std::path::Path, line: &str) -> String {
    let output = Command::new("sh").args(["-ec", line]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_export_is_everything_but_the_password() {
    let chat = house();
    let server = &chat.server;
    let container = person(server, "bob");
    let work = server.data_dir().join("containers").join(&container).join("workdirs/x");
    std::os::unix::fs::symlink("/etc/passwd", work.join("link")).unwrap();
    person(server, "eve");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("bob.tar.gz");
    let exported = done(server, &["user", "export", "bob", "--out", file.to_str().unwrap()]);
    assert_eq!(
        (&exported["conversations"], &exported["messages"], &exported["files"]),
        (&json!(2), &json!(4), &json!(1))
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    shell(home.path(), "tar -xzf bob.tar.gz && sha256sum --quiet -c SHA256SUMS");
    let user: Value = serde_json::from_slice(&fs::read(home.path().join("user.json")).unwrap()).unwrap();
    assert_eq!((&user["username"], &user["containerId"]), (&json!("bob"), &json!(container)));
    assert!(!shell(home.path(), "cat user.json conversations/*").contains("argon2"));
    assert_eq!(fs::read_to_string(home.path().join("files/workdirs/x/notes.txt")).unwrap(), "a file");
    assert!(home.path().join("files/workdirs/x/link").is_symlink(), "not followed");
    let mut said = Vec::new();
    for entry in fs::read_dir(home.path().join("conversations")).unwrap() {
        let conversation: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        said.extend(conversation["messages"].as_array().unwrap().iter().map(chat::said));
    }
    said.sort();
    assert_eq!(said, ["one", "two", "yes", "yes"]);
    let again = server.run(&["user", "export", "bob", "--out", file.to_str().unwrap()]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 8, "and nothing else lies about");
    let requests: Value = serde_json::from_slice(&fs::read(home.path().join("usage.json")).unwrap()).unwrap();
    let used: Vec<_> = requests.as_array().unwrap().iter().map(|one| (&one["outcome"], &one["outputTokens"])).collect();
    assert_eq!(used, [(&json!("answered"), &json!(23)), (&json!("answered"), &json!(23))], "{requests}");
}

#[test]
fn a_deleted_account_leaves_nothing() {
    let chat = house();
    let server = &chat.server;
    let container = person(server, "bob");
    let token = chat::text_of(&try_login(server.http(), "bob", chat::PASSWORD).json()["token"]);
    let bob = sql(server, "SELECT userId FROM users WHERE username = 'bob'");
    sql(server, &format!("INSERT INTO invites VALUES ('code', NULL, 1, '{bob}', 1, 9999999999999)"));
    let mut socket = Client::connect(server.port(), &token);
    let there = done(server, &["user", "delete", "bob", "--dry-run"]);
    let counts = |report: &Value| {
        ["conversations", "messages", "turns", "files", "logins", "invites"].map(|name| report[name].as_u64().unwrap())
    };
    assert_eq!((&there["deleted"], counts(&there)), (&json!(false), [2, 4, 2, 1, 2, 1]));
    assert_eq!(verify(server.http(), &token), 200, "nothing was deleted");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("bob.tar.gz");
    let gone = done(server, &["user", "delete", "bob", "--yes", "--export", file.to_str().unwrap()]);
    assert_eq!((&gone["deleted"], counts(&gone)), (&json!(true), [2, 4, 2, 1, 2, 1]));
    assert!(shell(home.path(), "tar -tzf bob.tar.gz").contains("user.json"));
    assert_eq!(verify(server.http(), &token), 401);
    socket.wait_closed();
    let all = "SELECT count(*) FROM containers; SELECT count(*) FROM images; SELECT count(*) FROM sessions;
               SELECT count(*) FROM turns; SELECT count(*) FROM messages";
    assert_eq!(agent(server, all), "0\n0\n0\n0\n0");
    assert_eq!(sql(server, &format!("SELECT count(*) FROM logins WHERE userId = '{bob}'")), "0");
    assert_eq!(sql(server, "SELECT code, createdBy IS NULL FROM invites"), "code|1");
    assert!(!server.data_dir().join("containers").join(container).exists());
    assert_eq!(done(server, &["db", "check"])["status"], "ok");
}

#[test]
fn an_answer_that_is_being_written_brings_nothing_back() {
    let chat = Chat::with([Script::deltas(&["word "; 2000]).slowly(std::time::Duration::from_millis(20))]);
    let server = &chat.server;
    let token = chat::register(server, "bob");
    let mut client = Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    chat::send(&mut client, &image, "a long one");
    client.wait_for("text", |event| event["type"] == "text_delta");
    done(server, &["user", "delete", "bob", "--yes"]);
    client.wait_closed();
    eventually("the turn stops", || {
        server.stdout().contains("turn=") && server.stdout().matches("ended turn=").count() == 1
    });
    let all = "SELECT count(*) FROM containers; SELECT count(*) FROM images; SELECT count(*) FROM messages";
    assert_eq!(agent(server, all), "0\n0\n0");
    assert_eq!(done(server, &["db", "check"])["status"], "ok");
}

#[test]
fn old_conversations_are_forgotten_where_that_was_set() {
    let chat = Chat::with([Script::text("yes"), Script::text("yes"), Script::text("yes").before(Step::Hang)]);
    let server = &chat.server;
    let container = person(server, "bob");
    let off = server.run(&["retention", "run"]);
    assert!(off.code == Some(1) && off.stderr.contains("retention is off"), "{}", off.stderr);
    assert_eq!(done(server, &["retention", "show"]), json!({"days": null}));
    assert_eq!(server.run(&["retention", "set", "0"]).code, Some(2));
    assert_eq!(done(server, &["retention", "set", "30"]), json!({"days": 30}));
    // One conversation grows old, and one in which something is being written; the other stays young.
    let old = agent(server, "SELECT imageId FROM images ORDER BY rowid LIMIT 1");
    let files = server.data_dir().join("containers").join(&container).join("workdirs").join(&old);
    fs::create_dir_all(&files).unwrap();
    let (mut busy, image) = chat.conversation();
    chat::send(&mut busy, &image, "this takes long");
    busy.wait_for("the start", |event| event["type"] == "conversation_start");
    agent(
        server,
        &format!("UPDATE images SET updatedAt = 1, createdAt = 1 WHERE imageId IN ('{old}', '{}')", image.id),
    );
    // To pin it, or to put it away, does not keep it.
    agent(server, &format!("UPDATE images SET isPinned = 1, isArchived = 1 WHERE imageId = '{old}'"));
    let expected = json!({"days": 30, "deleted": false, "conversations": 1, "messages": 2});
    assert_eq!(done(server, &["retention", "run", "--dry-run"]), expected);
    assert_eq!(agent(server, "SELECT count(*) FROM images"), "3");
    let gone = done(server, &["retention", "run"]);
    assert_eq!((&gone["deleted"], &gone["conversations"]), (&json!(true), &json!(1)));
    assert_eq!(agent(server, &format!("SELECT count(*) FROM images WHERE imageId = '{old}'")), "0");
    assert_eq!(agent(server, "SELECT count(*) FROM images; SELECT count(*) FROM messages"), "2\n3");
    assert!(!files.exists());
    done(server, &["retention", "off"]);
    assert_eq!(done(server, &["retention", "show"]), json!({"days": null}));
}

/// As after a clock that jumped: everything that is stored is years old.
#[test]
fn nothing_is_deleted_by_age_while_the_clock_is_far_ahead() {
    let chat = Chat::with([Script::text("yes")]);
    let server = &chat.server;
    done(server, &["retention", "set", "30"]);
    let _conversation = chat.conversation();
    let backup = || -> Value { serde_json::from_str(&server.run(&["backup", "--json"]).stdout).unwrap() };
    backup();
    agent(server, "UPDATE images SET updatedAt = 1000, createdAt = 1000");
    sql(server, "UPDATE users SET createdAt = 1000; UPDATE jobs SET lastStartedAt = 1000, lastEndedAt = 1000");
    let refused = server.run(&["retention", "run"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("far ahead of everything"), "{}", refused.stderr);
    assert_eq!(agent(server, "SELECT count(*) FROM images"), "1");
    eventually("the health check warns", || {
        let ready = server.http().get("/health/ready", None).json();
        ready["checks"].as_array().unwrap().iter().any(|one| one["name"] == "clock" && one["status"] == "warn")
    });
    let old = server.data_dir().join("backups/portagent-20200101-020000.tar.gz");
    fs::write(&old, "x").unwrap();
    assert_eq!(backup()["removed"], json!([]));
    assert_eq!(done(server, &["retention", "run", "--confirm-clock"])["conversations"], 1);
    assert_eq!(backup()["removed"].as_array().unwrap().len(), 1);
    assert!(!old.exists(), "by its age, again");
}
