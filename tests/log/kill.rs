//! `kill -9` while eight threads write and the files rotate: what a call returned from is there, whole, once.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log as _, Record};
use portagent::telemetry::{FileLogger, Rotation};

use super::{files, lines};

const THREADS: usize = 8;
const ROUNDS: usize = 6;
const FILES: u32 = 7;
const FILE_BYTES: u64 = 64 * 1024;
/// More than all seven files hold, in lines, so that a round rotates through all of them.
const LINES_A_ROUND: usize = 9_000;
/// What they hold for sure, in lines: a thread that wrote nothing in so many may have left all of them.
const LINES_HELD: usize = 3_000;
const HELPER: &str = "LOG_KILL_HELPER";

/// Not a test: the process that the test below starts and kills. It says which lines are written.
#[test]
#[ignore = "a process for the test below"]
fn writes_until_it_is_killed() {
    let Ok(told) = std::env::var(HELPER) else { return };
    let (round, path) = told.split_once(' ').unwrap();
    let rotation = Rotation { path: path.into(), file_bytes: FILE_BYTES, files: FILES };
    let logger = FileLogger::new(LevelFilter::Info, rotation);
    let until = Instant::now() + Duration::from_secs(60);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let logger = &logger;
            scope.spawn(move || {
                for n in (0..).take_while(|_| Instant::now() < until) {
                    let text = format_args!("{round} {thread} {n} {}", &"x".repeat(60)[..n % 60]);
                    logger.log(&Record::builder().level(Level::Info).target("kill").args(text).build());
                    let said = format!("\nwritten {round} {thread} {n}\n");
                    if std::io::stdout().write_all(said.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// Which line is the newest of each thread that was written for sure, and is still held for sure.
fn round(number: usize, log: &Path) -> HashMap<usize, usize> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "log::kill::writes_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(HELPER, format!("{number} {}", log.display())).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut newest = HashMap::new();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["written", _, thread, n] = words[..] {
            newest.insert(thread.parse().unwrap(), (n.parse().unwrap(), seen));
            seen += 1;
            if seen == LINES_A_ROUND {
                child.kill().unwrap(); // what still stands in the pipe is read to its end
            }
        }
    }
    child.wait().unwrap();
    assert!(seen >= LINES_A_ROUND, "the helper wrote {seen} lines");
    newest.into_iter().filter(|(_, (_, at))| seen - at < LINES_HELD).map(|(thread, (n, _))| (thread, n)).collect()
}

#[test]
fn kill_9_loses_and_tears_nothing_and_the_sum_holds() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("portagent.log");
    for number in 0..ROUNDS {
        let newest = round(number, &log);
        let files = files(&log, FILES);
        let sum: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        // A kill between two renames leaves one number free until the next rotation.
        assert!(files.len() + 1 >= FILES as usize, "it rotated through all of them");
        assert!(sum <= FILE_BYTES * u64::from(FILES), "{sum}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), files.len());
        let mut found: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for line in lines(&files) {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words.len() == 8 && words[1] == "INFO" && words[3] == "kill", "torn: {line}");
            let [round, thread, n] = [4, 5, 6].map(|at| words[at].parse::<usize>().unwrap());
            assert_eq!(words[7].len(), n % 60, "torn: {line}");
            found.entry((round, thread)).or_default().push(n);
        }
        for numbers in found.values() {
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole, or something twice");
        }
        for (thread, n) in newest {
            assert!(found[&(number, thread)].last() >= Some(&n), "round {number}: line {n} of thread {thread}");
        }
    }
}
