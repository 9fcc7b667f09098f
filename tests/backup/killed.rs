//! `kill -9` at many moments of a backup: an archive that has its name is good, and the next run sweeps the rest.

use std::time::{Duration, Instant};

use super::{backup, done, fill, names};
use crate::support::server::Server;

const MEBIBYTES: u32 = 12;

fn rounds() -> u32 {
    std::env::var("CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10)
}

#[test]
fn killed_at_many_moments() {
    let server = Server::start();
    fill(&server, MEBIBYTES);
    let backups = server.data_dir().join("backups");
    let began = Instant::now();
    backup(&server, &[]);
    let whole = began.elapsed();
    let (mut known, mut interrupted) = (names(&backups), 0);
    for round in 0..rounds() {
        let mut child = server.command(&["backup"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * (round + 1) / (rounds() + 1) + Duration::from_millis(u64::from(round % 7)));
        let _ = child.kill();
        child.wait().unwrap();
        let now = names(&backups);
        interrupted += now.iter().filter(|name| name.ends_with(".partial")).count();
        for name in now.iter().filter(|name| !known.contains(name) && name.ends_with(".tar.gz")) {
            done(&server.run(&["backup", "verify", name]));
        }
        known = now;
    }
    assert!(interrupted > 0, "no round hit the middle of a backup of {whole:?}");
    backup(&server, &[]);
    let left = names(&backups);
    assert!(left.iter().all(|name| name.ends_with(".tar.gz")), "{left:?}");
    assert_eq!(server.http().get("/health", None).status, 200);
}

#[test]
fn an_interrupt_by_hand_leaves_nothing_behind() {
    let server = Server::start();
    fill(&server, MEBIBYTES);
    let backups = server.data_dir().join("backups");
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut command = server.command(&["backup"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        crate::support::eventually("it works", || !names(&backups).is_empty());
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("error: stopped before the end; nothing was left behind"), "{said}");
        assert_eq!(names(&backups), [""; 0]);
    }
}
