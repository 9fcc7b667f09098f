//! Backups that the server makes by itself.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{backup, done, fill, names};
use crate::support::eventually;
use crate::support::people::{register, sql};
use crate::support::server::{Builder, Server};

/// A server that has had an account for ten days, so that a backup is due as soon as it looks.
fn due(builder: Builder) -> Server {
    let server = builder.start();
    register(&server, "ann");
    make_old(&server);
    server
}

fn make_old(server: &Server) {
    sql(server, "UPDATE users SET createdAt = createdAt - 10 * 24 * 3600 * 1000;");
}

/// The check of `/health/ready`: the answer's status, the check's, and its sentence.
fn health(server: &Server) -> (u16, String, String) {
    let answer = server.http().get("/health/ready", None);
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    let check = checks.iter().find(|check| check["name"] == "backup").unwrap();
    let text = |name: &str| check[name].as_str().unwrap().to_owned();
    (answer.status, text("status"), text("message"))
}

fn archives(server: &Server) -> Vec<String> {
    names(&server.data_dir().join("backups")).into_iter().filter(|name| name.ends_with(".tar.gz")).collect()
}

#[test]
fn one_that_was_missed_is_made_soon_after_the_start_and_once() {
    let mut server = due(Server::builder());
    eventually("it is made", || archives(&server).len() == 1);
    let logged = |server: &Server| fs::read_to_string(server.log_file()).unwrap();
    eventually("it is logged", || logged(&server).contains("backup: portagent-"));
    assert!(logged(&server).contains(", verified: 1 accounts, 0 conversations, 0 messages, 0 files"));
    done(&server.run(&["backup", "verify", "latest"]));
    assert_eq!(sql(&server, "SELECT lastError IS NULL, lastOkAt > 0 FROM jobs WHERE name = 'backup';"), "1|1");
    let (status, check, message) = health(&server);
    assert_eq!((status, check.as_str()), (200, "pass"), "{message}");
    server.restart();
    std::thread::sleep(Duration::from_secs(6)); // longer than the first look takes to come
    assert_eq!(archives(&server).len(), 1, "it is not made again");
}

#[test]
fn nothing_is_made_when_it_is_off() {
    let server = due(Server::builder().env("BACKUP_SCHEDULE", "off"));
    std::thread::sleep(Duration::from_secs(6)); // longer than the first look takes to come
    assert_eq!(archives(&server), [""; 0]);
    assert_eq!(health(&server).1, "pass");
}

#[test]
fn a_failure_is_in_the_log_and_the_health_until_there_is_a_good_one() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("backups");
    fs::write(&elsewhere, "a file").unwrap();
    let server = due(Server::builder().env("BACKUP_DIR", elsewhere.to_str().unwrap()));
    eventually("it fails", || health(&server).1 == "fail");
    let (status, _, message) = health(&server);
    assert_eq!(status, 503);
    assert!(message.starts_with("the last backup failed, the log says why; there is no good one"), "{message}");
    let log = fs::read_to_string(server.log_file()).unwrap();
    let line = log.lines().find(|line| line.contains("backup failed: ")).unwrap();
    assert!(line.contains(" ERROR ") && line.contains(elsewhere.to_str().unwrap()), "{line}");
    fs::remove_file(&elsewhere).unwrap();
    backup(&server, &[]);
    eventually("it is well again", || health(&server).1 == "pass");
    let row: Value =
        sql(&server, "SELECT json_object('error', lastError) FROM jobs WHERE name = 'backup';").parse().unwrap();
    assert_eq!(row["error"], Value::Null, "one made by hand counts");
}

#[test]
fn a_stop_in_the_middle_leaves_nothing_behind() {
    let mut server = Server::start();
    register(&server, "ann");
    fill(&server, 40);
    make_old(&server);
    let backups = server.data_dir().join("backups");
    eventually("it works", || !names(&backups).is_empty());
    let began = Instant::now();
    assert!(server.terminate().success());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(names(&backups), [""; 0], "neither a half one nor a directory");
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(log.contains("backup was interrupted by the stop"), "{log}");
}

#[test]
fn a_bad_schedule_ends_the_start() {
    let home = tempfile::tempdir().unwrap();
    let output = crate::support::program(home.path()).env("BACKUP_SCHEDULE", "25:00").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "error: BACKUP_SCHEDULE=25:00 (from environment): not a time of the day\n\
                    hint:  write 02:00, or 02:00,14:00, in UTC; or off\n";
    assert_eq!(said, expected);
}
