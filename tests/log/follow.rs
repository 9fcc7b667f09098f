//! `portagent logs -f`: goes on through rotation, deletion and truncation, and ends when it is told to.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use log::{Level, LevelFilter, Log as _, Record};
use portagent::telemetry::{FileLogger, Rotation};

use crate::support::{eventually, program};

struct Following {
    child: Child,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Following {
    fn start(home: &Path) -> Self {
        // Who starts the tests in the background, as with `nohup`, hands them an ignored SIGINT down.
        let mut command = Command::new("env");
        command.arg("--default-signal=INT").arg(program(home).get_program()).current_dir(home);
        command.args(["logs", "-d", "agentx", "-f", "-n", "all"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env_clear().env("HOME", home).stdin(Stdio::null()).spawn().unwrap();
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let (out, into) = (child.stdout.take().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line.rsplit_once(' ').unwrap().1.to_owned());
            }
        });
        Self { child, shown }
    }

    fn shows(&self, expected: &[String]) {
        let last = expected.last().unwrap();
        eventually(&format!("line {last}"), || self.shown.lock().unwrap().last() == Some(last));
        assert_eq!(*self.shown.lock().unwrap(), expected);
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes as the server does, into files of 400 bytes.
struct Writing {
    logger: FileLogger,
    path: PathBuf,
    written: Vec<String>,
}

impl Writing {
    fn start(home: &Path) -> Self {
        let path = home.join("agentx/logs/portagent.log");
        let rotation = Rotation { path: path.clone(), file_bytes: 400, files: 7 };
        Self { logger: FileLogger::new(LevelFilter::Info, rotation), path, written: Vec::new() }
    }

    fn lines(&mut self, count: usize) {
        for _ in 0..count {
            let text = format!("n{}", self.written.len());
            self.logger.log(&Record::builder().level(Level::Info).target("t").args(format_args!("{text}")).build());
            self.written.push(text);
        }
    }
}

#[test]
fn it_goes_on_whatever_happens_to_the_file() {
    let home = tempfile::tempdir().unwrap();
    let following = Following::start(home.path()); // before there is any log
    let mut writing = Writing::start(home.path());
    writing.lines(3);
    following.shows(&writing.written);
    for _ in 0..3 {
        writing.lines(40); // four or five rotations at once
        following.shows(&writing.written);
    }
    fs::remove_file(&writing.path).unwrap();
    writing.lines(2);
    following.shows(&writing.written);
    fs::copy(&writing.path, home.path().join("copy")).unwrap();
    fs::write(&writing.path, "").unwrap(); // copytruncate
    writing.lines(1);
    following.shows(&writing.written);
    fs::rename(&writing.path, home.path().join("moved")).unwrap();
    eventually("the writer has noticed", || {
        writing.lines(1);
        std::thread::sleep(std::time::Duration::from_millis(20));
        writing.path.exists()
    });
    following.shows(&writing.written);
}

#[test]
fn ctrl_c_ends_it_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let mut writing = Writing::start(home.path());
    writing.lines(1);
    let mut following = Following::start(home.path());
    following.shows(&writing.written);
    let pid = i32::try_from(following.child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut ended = None;
    eventually("it ends", || {
        ended = following.child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().signal(), Some(2));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut following.child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(said, "");
}
