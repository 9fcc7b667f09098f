//! `portagent db check`: finds what is wrong, removes data without an owner and nothing else.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{agent, done, house, person};
use crate::support::people::sql;

fn finding<'a>(report: &'a Value, name: &str) -> &'a Value {
    let of_name = |check: &&Value| check["name"] == name && check["status"] != "ok";
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(of_name).or_else(|| checks.iter().find(|check| check["name"] == name)).unwrap()
}

#[test]
fn all_is_well_and_nothing_is_changed() {
    let chat = house();
    let server = &chat.server;
    person(server, "ann");
    let report = done(server, &["db", "check"]);
    assert_eq!(report["status"], "ok", "{report:#}");
    for name in
        ["integrity", "schema", "foreign_keys", "contents", "stored_bytes", "ownerless_containers", "abandoned_files"]
    {
        assert_eq!(finding(&report, name)["status"], "ok", "{name}");
    }
    let text = server.run(&["db", "check", "--quick"]);
    assert_eq!(text.code, Some(0));
    assert!(text.stdout.contains("quick_check says ok") && !text.stdout.contains("contents"), "{}", text.stdout);
}

#[test]
fn what_a_plain_delete_leaves_behind_is_removed_and_nothing_else() {
    let chat = house();
    let server = &chat.server;
    let kept = person(server, "ann");
    let gone = person(server, "bob");
    sql(server, "DELETE FROM users WHERE username = 'bob'");
    agent(
        server,
        "INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
                    VALUES ('m', 'nowhere', 1, 'user', '[]', 1)",
    );
    let partial = server.data_dir().join("data/x.partial");
    fs::write(&partial, "half").unwrap();
    fs::write(server.data_dir().join("data/new.partial"), "half").unwrap();
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 3600);
    fs::File::options().append(true).open(&partial).unwrap().set_modified(hours_ago).unwrap();

    let report = done(server, &["db", "check"]);
    assert_eq!(report["status"], "warn", "{report:#}");
    for (name, count) in [
        ("ownerless_containers", 1),
        ("ownerless_directories", 1),
        ("ownerless_rows", 1),
        ("messages_without_session", 1),
        ("foreign_keys", 1),
        ("abandoned_files", 1),
    ] {
        assert_eq!(
            (&finding(&report, name)["status"], &finding(&report, name)["count"]),
            (&json!("warn"), &json!(count))
        );
    }
    assert_eq!(agent(server, "SELECT count(*) FROM containers"), "2", "nothing is removed unasked");

    let fixed = done(server, &["db", "check", "--fix"]);
    let removed = json!({"containers": 1, "conversations": 2, "messages": 4, "directories": 1, "rows": 1, "files": 1});
    assert_eq!(fixed["removed"], removed);
    assert_eq!(done(server, &["db", "check"])["status"], "ok");
    assert_eq!(agent(server, "SELECT containerId FROM containers"), kept);
    assert_eq!(agent(server, "SELECT count(*) FROM images; SELECT count(*) FROM messages"), "2\n4");
    let containers = server.data_dir().join("containers");
    assert!(containers.join(&kept).join("workdirs/x/notes.txt").exists() && !containers.join(&gone).exists());
    assert!(server.data_dir().join("data/new.partial").exists(), "it may be in use");
}

#[test]
fn with_no_account_at_all_it_is_the_accounts_that_are_lost() {
    let chat = house();
    let server = &chat.server;
    person(server, "ann");
    sql(server, "DELETE FROM users");
    let run = server.run(&["db", "check", "--fix"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("portagent.db has no accounts"), "{}", run.stderr);
    assert_eq!(agent(server, "SELECT count(*) FROM images"), "2");
}

#[test]
fn damage_is_found_and_nothing_is_removed_then() {
    let mut chat = house();
    let server = &mut chat.server;
    person(server, "ann");
    person(server, "bob");
    sql(server, "DELETE FROM users WHERE username = 'bob'");
    agent(server, "UPDATE messages SET content = '[{' WHERE role = 'user'");
    let report = done(server, &["db", "check"]);
    assert_eq!(finding(&report, "contents")["count"], 4);
    agent(server, "DROP TRIGGER images_delete; DROP INDEX messages_turn");
    let report = done(server, &["db", "check"]);
    assert!(
        finding(&report, "schema")["message"].as_str().unwrap().contains("index messages_turn, trigger images_delete")
    );
    server.terminate();
    let file = server.data_dir().join("data/agentx.db");
    let root: usize = agent(server, "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").parse().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0);
    fs::write(&file, bytes).unwrap();
    let run = server.run(&["db", "check", "--fix", "--json"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stderr.contains("nothing is removed while"), "{}", run.stderr);
    let run = server.run(&["db", "check"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("fail  agentx.db") && run.stderr.contains("portagent db recover"), "{}", run.stdout);
}

#[test]
fn without_a_data_directory_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let run = crate::support::run(home.path(), &["db", "check", "-d", "nowhere"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("nowhere/data not found"), "{}", run.stderr);
    assert!(!home.path().join("nowhere").exists());
}

#[test]
fn an_account_made_meanwhile_is_safe() {
    let chat = house();
    let server = &chat.server;
    person(server, "bob");
    sql(server, "DELETE FROM users WHERE username = 'bob'");
    let all_are_here = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mending = scope.spawn(|| {
            let mut rounds = 0;
            while rounds == 0 || !all_are_here.load(Ordering::Relaxed) {
                done(server, &["db", "check", "--quick", "--fix"]);
                rounds += 1;
            }
        });
        for at in 0..8 {
            person(server, &format!("newcomer{at}"));
        }
        all_are_here.store(true, Ordering::Relaxed);
        mending.join().unwrap();
    });
    let all = "SELECT count(*) FROM containers; SELECT count(*) FROM images; SELECT count(*) FROM messages";
    assert_eq!(agent(server, all), "8\n16\n32");
    assert_eq!(fs::read_dir(server.data_dir().join("containers")).unwrap().count(), 8);
}

#[test]
fn a_log_of_a_file_that_was_replaced_is_not_believed() {
    let mut chat = house();
    let server = &mut chat.server;
    person(server, "bob");
    let data = server.data_dir().join("data");
    let backup = server.data_dir().join("backup.db");
    agent(server, &format!(".backup {}", backup.display()));
    person(server, "eve");
    server.kill9();
    assert!(fs::metadata(data.join("agentx.db-wal")).unwrap().len() > 0, "a crash leaves a log");
    fs::copy(&backup, data.join("agentx.db")).unwrap();
    for arguments in [&["db", "optimize"][..], &["db", "vacuum"], &["db", "stats"], &["db", "check"]] {
        assert_eq!(server.run(arguments).code, Some(0), "{arguments:?}");
    }
    assert_eq!(agent(server, "SELECT count(*) FROM images; PRAGMA integrity_check"), "2\nok", "what the backup holds");
}

#[test]
fn a_newer_programs_file_is_not_called_damaged() {
    let chat = house();
    agent(&chat.server, "PRAGMA user_version = 99");
    let run = chat.server.run(&["db", "check"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stdout.contains("written by schema 99"), "{}", run.stdout);
    assert!(
        run.stderr.contains("install the newer portagent again") && !run.stderr.contains("recover"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_people_store_is_counted_anew_where_it_was_counted_wrongly() {
    let chat = house();
    let server = &chat.server;
    let container = person(server, "ann");
    let all = format!("SELECT sum(storedBytes) FROM sessions WHERE containerId = '{container}'");
    let before = agent(server, &all);
    agent(server, "UPDATE messages SET content = '[]' WHERE role = 'user'; DELETE FROM turns");
    let report = done(server, &["db", "check"]);
    assert_eq!(finding(&report, "stored_bytes")["status"], "ok", "sqlite3 counts as well: {report:#}");
    let after = agent(server, &all);
    assert!(after.parse::<u64>().unwrap() < before.parse().unwrap(), "{before} -> {after}");

    agent(server, "UPDATE sessions SET storedBytes = 7");
    let report = done(server, &["db", "check"]);
    assert_eq!(finding(&report, "stored_bytes")["count"], 2, "{report:#}");
    done(server, &["db", "optimize", "agentx"]);
    assert_eq!(agent(server, &all), after);
}
