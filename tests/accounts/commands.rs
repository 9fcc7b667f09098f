//! `portagent user …` and `portagent invite …`: for people and for scripts, beside a running server and without one.

use serde_json::{Value, json};

use crate::support::people::{PASSWORD, register, try_login};
use crate::support::server::Server;
use crate::support::{Run, run_with_input};

/// A server whose administrator is ann.
fn start() -> Server {
    let server = Server::start();
    register(&server, "ann");
    server
}

fn done(run: &Run) -> &str {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    &run.stdout
}

fn as_json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(done(&server.run(&[arguments, &["--json"]].concat()))).unwrap()
}

/// One error line and a way out; nothing on stdout.
fn refused(server: &Server, arguments: &[&str], code: i32, message: &str) {
    let run = server.run(arguments);
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", run.stderr);
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
}

fn every_user_command(server: &Server) {
    let made = as_json(server, &["user", "add", "bob", "--generate", "--email", "bob@example.com"]);
    assert_eq!((&made["role"], &made["email"]), (&json!("user"), &json!("bob@example.com")));
    assert_eq!(made["password"].as_str().unwrap().len(), 20);
    let id = made["userId"].as_str().unwrap();

    let list = as_json(server, &["user", "list"]);
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann", "bob"]);
    let table = server.run(&["user", "list"]);
    assert!(done(&table).starts_with("USERNAME") && table.stdout.contains(id), "{}", table.stdout);

    assert_eq!(as_json(server, &["user", "disable", "bob"])["isActive"], false);
    assert_eq!(as_json(server, &["user", "enable", "BOB@example.com"])["isActive"], true, "by e-mail");
    assert_eq!(as_json(server, &["user", "promote", id])["role"], "admin", "by userId");
    assert_eq!(as_json(server, &["user", "demote", "Bob"])["role"], "user", "in any case");
    assert_eq!(as_json(server, &["user", "logout", "bob"])["username"], "bob");
    assert_eq!(as_json(server, &["user", "unlock", "bob"])["unlocked"], 1);
    let mut passwd = server.command(&["user", "passwd", "bob", "--password-stdin", "--json"]);
    passwd.env("LOG_LEVEL", "info");
    assert!(!done(&run_with_input(passwd, "a-new-one\n")).contains("a-new-one"));
    for (command, expected) in [
        ("disable", "bob is disabled\n"),
        ("enable", "bob is active\n"),
        ("promote", "bob is an administrator\n"),
        ("demote", "bob is a user\n"),
        ("logout", "bob: 0 logins ended\n"),
        ("unlock", "1 unlocked\n"),
    ] {
        assert_eq!(done(&server.run(&["user", command, "bob"])), expected);
    }
    assert!(
        done(&server.run(&["user", "passwd", "bob", "--generate"])).starts_with("bob has a new password\npassword: ")
    );

    refused(server, &["user", "delete", "bob"], 2, "no terminal");
    refused(server, &["user", "delete", "nobody", "--yes"], 1, "nobody");
    refused(server, &["user", "add", "BOB", "--generate"], 1, "Username 'BOB' already exists");
    refused(server, &["user", "add", "jo", "--generate"], 2, "Username must be at least 3 characters");
    let deleted = as_json(server, &["user", "delete", "bob", "--yes"]);
    assert_eq!((&deleted["userId"], &deleted["deleted"], &deleted["messages"]), (&json!(id), &json!(true), &json!(0)));
    let again = server.run(&["user", "add", "bob", "--generate", "--display-name", "Bob B."]);
    assert!(done(&again).starts_with("bob was created\npassword: "));
    assert_eq!(
        done(&server.run(&["user", "delete", "bob", "--yes"])),
        "bob was deleted, with 0 conversations, 0 messages (0 bytes), 0 turns, 0 files (0 bytes), 0 logins\n"
    );
}

fn every_invite_command(server: &Server) {
    let made = as_json(server, &["invite", "create", "--uses", "3", "--expires", "12h", "--note", "class 3b"]);
    let code = made["code"].as_str().unwrap();
    assert_eq!((&made["usesLeft"], &made["note"]), (&json!(3), &json!("class 3b")));
    assert_eq!(made["expiresAt"].as_i64().unwrap() - made["createdAt"].as_i64().unwrap(), 12 * 3600 * 1000);
    let plain = server.run(&["invite", "create"]);
    let plain = done(&plain).trim_end();
    assert!(!plain.contains(char::is_whitespace), "the code alone: {plain:?}");
    let list = as_json(server, &["invite", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(list.as_array().unwrap().contains(&made));
    let table = server.run(&["invite", "list"]);
    assert!(done(&table).contains(code) && table.stdout.contains("class 3b"), "{}", table.stdout);
    assert_eq!(as_json(server, &["invite", "revoke", code]), json!({"revoked": code}));
    assert_eq!(done(&server.run(&["invite", "revoke", plain])), "revoked\n");
    refused(server, &["invite", "revoke", plain], 1, "Invite code");
    assert_eq!(as_json(server, &["invite", "list"]), json!([]));
    for bad in
        [&["--uses", "0"][..], &["--uses", "x"], &["--expires", "400d"], &["--expires", "366d"], &["--expires", "0m"]]
    {
        refused(server, &[&["invite", "create"], bad].concat(), 2, bad[0]);
    }
}

#[test]
fn beside_a_running_server() {
    let server = start();
    every_user_command(&server);
    every_invite_command(&server);
}

#[test]
fn without_a_server() {
    let mut server = start();
    server.terminate();
    every_user_command(&server);
    every_invite_command(&server);
}

#[test]
fn without_a_data_directory_yet() {
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::support::program(home.path());
    command.args(["user", "add", "ann", "--password-stdin", "--json", "--data-dir", "fresh"]);
    let run = run_with_input(command, PASSWORD);
    let made: Value = serde_json::from_str(done(&run)).unwrap();
    assert_eq!((&made["role"], &made["password"]), (&json!("admin"), &Value::Null), "the first is the administrator");
}

#[test]
fn what_a_command_changes_counts_at_once() {
    let server = start();
    let add = server.command(&["user", "add", "bob", "--password-stdin"]);
    done(&run_with_input(add, PASSWORD));
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 200);
    let passwd = server.command(&["user", "passwd", "bob", "--password-stdin"]);
    done(&run_with_input(passwd, "a-new-one"));
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 401);
    assert_eq!(try_login(server.http(), "bob", "a-new-one").status, 200);
    assert_eq!(as_json(&server, &["user", "promote", "bob"])["role"], "admin");
    assert_eq!(try_login(server.http(), "bob", "a-new-one").json()["user"]["role"], "admin");
}

#[test]
fn the_last_administrator_stays() {
    let server = start();
    done(&server.run(&["user", "add", "bob", "--generate"]));
    let last = |name: &str| {
        for arguments in [&["user", "disable", name][..], &["user", "demote", name], &["user", "delete", name, "--yes"]]
        {
            refused(&server, arguments, 1, "This is the last active administrator");
            assert!(server.run(arguments).stderr.contains("portagent user promote NAME"));
        }
    };
    last("ann");
    done(&server.run(&["user", "promote", "bob"]));
    done(&server.run(&["user", "disable", "ann"]));
    last("bob");
    done(&server.run(&["user", "delete", "ann", "--yes"]));
    assert_eq!(as_json(&server, &["user", "list"]).as_array().unwrap().len(), 1);
}

/// Who changed what stands in the log, whether a server runs or not; a code that lets people in does not.
#[test]
fn what_the_operator_changes_is_audited() {
    let mut server = start();
    let made = as_json(&server, &["user", "add", "bob", "--generate"]);
    let id = made["userId"].as_str().unwrap();
    done(&server.run(&["user", "disable", "bob"]));
    let code = as_json(&server, &["invite", "create"])["code"].as_str().unwrap().to_owned();
    server.terminate();
    done(&server.run(&["user", "enable", "bob"]));
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    for action in ["user.add", "user.disable", "user.enable"] {
        let line = format!("INFO  audit action={action} by=operator on=user:{id}");
        assert_eq!(log.matches(&line).count(), 1, "{line} in {log}");
    }
    assert!(log.contains("audit action=invite.create by=operator on=invite:"), "{log}");
    assert!(!log.contains(&code) && !log.contains(made["password"].as_str().unwrap()), "{log}");
}

#[test]
fn names_that_hide_something_are_listed_with_it_spelled_out() {
    let server = start();
    // As 1.9 took them, or another program.
    let name = "ann\u{202e}\u{200b}\u{1b}[31m";
    crate::support::people::sql(&server, &format!("UPDATE users SET username = '{name}'"));
    let list = server.run(&["user", "list"]);
    assert!(done(&list).contains("ann\\u{202e}\\u{200b}\\u{1b}[31m"), "{}", list.stdout);
    assert_eq!(as_json(&server, &["user", "list"])[0]["username"], name, "programs get it as it is");
}
