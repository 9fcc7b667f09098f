//! The log: nothing lost, nothing torn, never too large, and never a reason to stand still.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use log::{Level, LevelFilter, Log as _, Record};
use portagent::telemetry::{FileLogger, Rotation};

use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::{eventually, program};

const THREADS: usize = 8;
const LINES: usize = 2_000;

fn write(logger: &FileLogger, message: &str) {
    logger.log(&Record::builder().level(Level::Info).target("test").args(format_args!("{message}")).build());
}

/// Eight threads write at once; the files that are left, oldest first.
fn stress(directory: &Path, files: u32) -> Vec<PathBuf> {
    let path = directory.join("portagent.log");
    let logger = FileLogger::new(LevelFilter::Info, Rotation { path: path.clone(), file_bytes: 64 * 1024, files });
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let logger = &logger;
            scope
                .spawn(move || (0..LINES).for_each(|n| write(logger, &format!("{thread} {n} {}", "x".repeat(n % 90)))));
        }
    });
    super::files(&path, files)
}

/// Which lines of which thread are there, in order. Fails for a torn one.
fn numbers(files: &[PathBuf]) -> HashMap<usize, Vec<usize>> {
    let mut found: HashMap<usize, Vec<usize>> = HashMap::new();
    for line in super::lines(files) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[1], words[3]), (7, "INFO", "test"), "torn: {line}");
        let (thread, n): (usize, usize) = (words[4].parse().unwrap(), words[5].parse().unwrap());
        assert_eq!(words[6].len(), n % 90, "torn: {line}");
        found.entry(thread).or_default().push(n);
    }
    found
}

#[test]
fn rotation_loses_and_tears_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let files = stress(directory.path(), 60);
    assert!(files.len() > 10 && files.len() < 60, "it rotated, and dropped nothing: {}", files.len());
    let found = numbers(&files);
    assert_eq!(found.len(), THREADS);
    for numbers in found.values() {
        assert!(numbers.iter().copied().eq(0..LINES));
    }
}

#[test]
fn the_sum_stays_within_its_bound_and_the_newest_lines_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let files = stress(directory.path(), 7);
    assert_eq!(files.len(), 7);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 7);
    for file in &files {
        let found = fs::metadata(file).unwrap();
        assert!(found.len() <= 64 * 1024);
        assert_eq!(found.mode() & 0o777, 0o600);
    }
    let found = numbers(&files);
    for numbers in found.values() {
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no hole");
    }
    assert!(found.values().any(|numbers| numbers.last() == Some(&(LINES - 1))));
}

#[test]
fn a_directory_that_takes_nothing_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    fs::write(&logs, "a file where the directory should be").unwrap();
    let path = logs.join("portagent.log");
    let logger = FileLogger::new(LevelFilter::Info, Rotation::standard(path.clone()));
    write(&logger, "one");
    write(&logger, "two");
    fs::remove_file(&logs).unwrap();
    write(&logger, "three");
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().map(|line| &line[25..]).collect();
    assert_eq!(lines, ["WARN  log 2 lines are missing here: the file could not be written", "INFO  test three"]);
}

#[test]
fn a_read_only_directory() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    if fs::write(directory.path().join("probe"), "").is_ok() {
        return; // for root nothing is read-only; the test before this one covers the same path
    }
    let path = directory.path().join("portagent.log");
    let logger = FileLogger::new(LevelFilter::Info, Rotation::standard(path.clone()));
    write(&logger, "one");
    set(0o700);
    write(&logger, "two");
    assert!(fs::read_to_string(path).unwrap().ends_with("INFO  test two\n"));
}

#[test]
fn the_server_logs_to_both_places() {
    let mut server = Server::start();
    fs::remove_file(server.log_file()).unwrap();
    server.http().get("/health", None);
    let file = fs::read_to_string(server.log_file()).unwrap();
    assert!(file.contains(" INFO  http GET /health 200 "), "a deleted file comes back with the next line: {file}");
    eventually(&format!("the very same lines on stdout: {file}"), || {
        file.lines().all(|line| server.stdout().contains(line))
    });
    server.kill9();
    for line in server.stdout().lines() {
        assert_eq!(line.as_bytes()[23], b'Z', "one record, one line: {line}");
    }
    assert!(!server.stdout().to_lowercase().contains("error"), "{}", server.stdout());
}

#[test]
fn journald_gets_priorities_and_no_second_timestamp() {
    let home = tempfile::tempdir().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let found = fs::File::from(std::os::fd::OwnedFd::from(writer.try_clone().unwrap())).metadata().unwrap();
    let mut command = program(home.path());
    command.env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()));
    command.args(["--host", "127.0.0.1", "-p0", "--provider", "demo"]).stdout(writer).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut text = String::new();
    while !text.contains("listening on") {
        let mut chunk = [0; 4096];
        let length = std::io::Read::read(&mut reader, &mut chunk).unwrap();
        assert!(length > 0, "it ended: {text}");
        text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.lines().all(|line| line.starts_with("<6>INFO  ") || line.starts_with("<4>WARN  ")), "{text}");
}

#[test]
fn stdout_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = program(home.path());
    command.args(["--host", "127.0.0.1", "-p0", "--provider", "demo", "-d", "data"]).stdout(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let log = home.path().join("data/logs/portagent.log");
    let listening =
        || fs::read_to_string(&log).ok()?.split_once("listening on http://127.0.0.1:")?.1.lines().next()?.parse().ok();
    let mut port: Option<u16> = None;
    eventually("the port in the log file", || {
        port = listening();
        port.is_some()
    });
    let client = Client::new(port.unwrap());
    // More lines than the pipe (64 KiB) and the queue behind it (256 KiB) hold.
    while fs::metadata(&log).unwrap().len() < 450 * 1024 {
        assert_eq!(client.get("/health", None).status, 200);
    }
    drop(reader);
    assert_eq!(client.get("/health", None).status, 200);
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
