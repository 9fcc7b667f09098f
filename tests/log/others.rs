//! Other programs beside our rotation: Debian's logrotate in both of its manners, an operator who deletes, a full disk.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{files, lines};
use crate::support::disk::Tmpfs;
use crate::support::eventually;
use crate::support::server::Server;

/// Runs the real logrotate once, by force.
fn logrotate(server: &Server, manner: &str) {
    let home = server.data_dir();
    let config = home.join("logrotate.conf");
    let text = format!("{} {{\n  rotate 5\n  missingok\n  nocompress\n  {manner}\n}}\n", server.log_file().display());
    fs::write(&config, text).unwrap();
    let mut command = Command::new("logrotate");
    command.arg("--force").arg("--state").arg(home.join("logrotate.state")).arg(&config);
    let output = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Asks the server all the time while `meanwhile` runs; the ids of all requests that were answered.
fn under_load(server: &Server, meanwhile: impl FnOnce()) -> Vec<String> {
    let (ids, done) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = server.http().get("/health", None);
                    assert_eq!(answer.status, 200);
                    ids.lock().unwrap().push(answer.header("x-request-id").unwrap().to_owned());
                }
            });
        }
        meanwhile();
        done.store(true, Ordering::Relaxed);
    });
    ids.into_inner().unwrap()
}

/// How often each request stands in the log.
fn counted(log: &Path) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for line in lines(&files(log, 7)) {
        assert!(line.len() > 26 && line.as_bytes()[23] == b'Z', "one record, one line: {line:?}");
        if let Some((_, id)) = line.rsplit_once(" req=") {
            *counts.entry(id.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn a_pipe_in_place_of_the_file_stops_nothing() {
    let server = Server::start();
    let file = server.log_file();
    let pipe = file.with_file_name("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &file).unwrap();
    for _ in 0..1500 {
        assert_eq!(server.http().get("/health", None).status, 200);
    }
    eventually("it is said once", || server.stderr().contains("is not a regular file; the server goes on"));
    let doctor = server.run(&["doctor"]);
    assert!(doctor.stdout.contains("fail  log") && doctor.stdout.contains("is not a regular file"), "{doctor:?}");
    assert_ne!(server.run(&["logs"]).code, None, "it does not wait for a writer");
    let mut server = server;
    assert!(server.terminate().success());
}

#[test]
fn logrotate_that_renames_loses_no_line() {
    let server = Server::start();
    let asked = server.http().get("/health", None).header("x-request-id").unwrap().to_owned();
    let ids = under_load(&server, || {
        for manner in ["create 0600", "nocreate", "create 0600"] {
            logrotate(&server, manner);
            let log = server.log_file();
            eventually("a line in the new file", || fs::read_to_string(&log).is_ok_and(|text| text.contains("req=")));
        }
    });
    let counts = counted(&server.log_file());
    assert!(ids.len() > 10);
    for id in ids.iter().chain([&asked]) {
        assert_eq!(counts.get(id), Some(&1), "{id}");
    }
    assert!(!server.stderr().contains("error"), "{}", server.stderr());
}

#[test]
fn logrotate_that_copies_and_truncates_leaves_no_hole() {
    let server = Server::start();
    let before: Vec<String> =
        (0..50).map(|_| server.http().get("/health", None).header("x-request-id").unwrap().to_owned()).collect();
    under_load(&server, || logrotate(&server, "copytruncate"));
    let after = under_load(&server, || logrotate(&server, "missingok")); // what follows a truncation is complete
    let counts = counted(&server.log_file());
    for id in before.iter().chain(&after) {
        assert_eq!(counts.get(id), Some(&1), "{id}");
    }
}

#[test]
fn a_full_disk_is_said_once_and_the_service_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(&home.path().join("agentx/logs"), "64k") else { return };
    let server = Server::builder().start_in(home);
    let complaints = || server.stderr().matches("cannot write").count();
    while complaints() == 0 {
        assert_eq!(server.http().get("/health", None).status, 200);
    }
    for _ in 0..200 {
        assert_eq!(server.http().get("/health", None).status, 200);
    }
    assert_eq!(complaints(), 1, "{}", server.stderr());
    let text = fs::read_to_string(server.log_file()).unwrap();
    assert!(text.ends_with('\n') && text.len() <= 64 * 1024, "no half line");
    disk.resize("1m");
    assert_eq!(server.http().get("/health", None).status, 200);
    let text = fs::read_to_string(server.log_file()).unwrap();
    assert!(text.contains(" lines are missing here: the file could not be written\n"), "{text}");
    assert!(text.trim_end().lines().last().unwrap().contains("GET /health 200"));
    drop(server);
}
