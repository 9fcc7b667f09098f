//! A crash leaves a `-wal`, and the operator copies a backup over the database: the old log must not be replayed onto it.
//! And a log that does belong to its database always is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::chat::{register, text_of};
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::ws::Client;

/// Conversations by name.
fn names(client: &mut Client) -> Vec<String> {
    let records = client.ask("image_list_request", json!({"limit": 200}))["records"].take();
    let mut names: Vec<String> = records.as_array().unwrap().iter().map(|record| text_of(&record["name"])).collect();
    names.sort();
    names
}

fn create(client: &mut Client, name: &str) {
    client.ask("image_create_request", json!({"name": name}));
}

fn shell(command: &str) {
    let done = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

fn files_named(directory: &Path, part: &str) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(part)).collect()
}

#[test]
fn a_backup_by_sqlite3_that_is_copied_over_a_crashed_database() {
    let mut server = Server::start();
    let token = register(&server, "ann");
    let mut client = Client::connect(server.port(), &token);
    create(&mut client, "before");
    let data = server.data_dir().join("data");
    let at = data.display();
    // Twice into the same file, since the cookie of the second is another.
    shell(&format!("sqlite3 {at}/agentx.db '.backup {at}/b.db'; sqlite3 {at}/agentx.db '.backup {at}/b.db'"));
    shell(&format!("sqlite3 {at}/portagent.db '.backup {at}/p.db'"));
    for number in 0..20 {
        create(&mut client, &format!("after {number}"));
    }
    server.kill9();
    assert!(data.join("agentx.db-wal").metadata().unwrap().len() > 0, "the crash left a log");
    shell(&format!("cp {at}/b.db {at}/agentx.db; cp {at}/p.db {at}/portagent.db"));
    server.restart();
    let mut client = Client::connect(server.port(), &token);
    assert_eq!(names(&mut client), ["before"]);
    assert_eq!(sqlite3(&data.join("agentx.db"), "PRAGMA integrity_check"), "ok");
    let aside = files_named(&data, "agentx.db-wal.stale-");
    assert_eq!(aside.len(), 1, "what was not replayed is kept");
    let told = server.stdout();
    let told = told.lines().find(|line| line.contains(&aside[0])).expect("it is said");
    assert!(told.contains(" WARN ") && told.contains("does not belong to"), "{told}");

    // And the restored database is one like any other: a crash loses nothing.
    create(&mut client, "restored");
    server.kill9();
    server.restart();
    assert_eq!(names(&mut Client::connect(server.port(), &token)), ["before", "restored"]);
    assert_eq!(files_named(&data, "agentx.db-wal.stale-"), aside, "no other log is set aside");
}

#[test]
fn a_whole_stopped_directory_that_is_copied_over_a_crashed_one() {
    let mut server = Server::start();
    let token = register(&server, "ann");
    create(&mut Client::connect(server.port(), &token), "before");
    server.terminate();
    let directory = server.data_dir();
    let copy = directory.with_file_name("backup-20261124");
    shell(&format!("cp -r {} {}", directory.display(), copy.display()));
    server.restart();
    create(&mut Client::connect(server.port(), &token), "after");
    server.kill9();
    shell(&format!("cp -r {}/. {}", copy.display(), directory.display()));
    // A command that comes first must not replay it either.
    let listed = server.run(&["user", "list"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    server.restart();
    assert_eq!(names(&mut Client::connect(server.port(), &token)), ["before"]);
    assert!(!files_named(&directory.join("data"), "agentx.db-wal.stale-").is_empty());
}

#[test]
fn no_log_of_a_crash_is_ever_taken_for_another_ones() {
    let rounds = std::env::var("CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(8);
    let mut server = Server::start();
    let token = register(&server, "ann");
    let database = server.data_dir().join("data/agentx.db");
    let mut acknowledged = Vec::new();
    let mut number = 0;
    for round in 0..rounds {
        let mut client = Client::connect(server.port(), &token);
        // A VACUUM from outside, at another distance from the crash each time; some are cut off by it.
        let script =
            format!("sleep 0.{:02}; exec sqlite3 -cmd '.timeout 5000' {} VACUUM", (round * 7) % 40, database.display());
        let mut vacuum = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        let until = std::time::Instant::now() + Duration::from_millis(150 + (round * 137) % 1400);
        while std::time::Instant::now() < until {
            number += 1;
            let name = format!("{number:05}");
            create(&mut client, &name);
            acknowledged.push(name);
            std::thread::sleep(Duration::from_millis(25)); // a socket may ask 50 times a second
            if number % 40 == 0 {
                sqlite3(
                    &database,
                    "DELETE FROM images WHERE CAST(name AS INTEGER) < (SELECT max(name) FROM images) - 60",
                );
                acknowledged.retain(|name| name.parse::<u64>().unwrap() + 60 >= number);
            }
        }
        server.kill9();
        if round % 3 == 0 {
            vacuum.kill().unwrap();
        }
        vacuum.wait().unwrap();
        server.restart();
        let stored = names(&mut Client::connect(server.port(), &token));
        let missing: Vec<_> = acknowledged.iter().filter(|name| !stored.contains(name)).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} were acknowledged and are lost");
        assert_eq!(files_named(&server.data_dir().join("data"), ".stale-"), Vec::<String>::new(), "round {round}");
        assert_eq!(sqlite3(&database, "PRAGMA integrity_check"), "ok");
    }
}
