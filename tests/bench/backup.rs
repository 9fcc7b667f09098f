//! A backup of a gigabyte of messages: how long it takes, how much memory, and what it does to people who chat.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::{Socket, register};
use super::server::Server;
use super::upstream::{self, Upstream};
use super::{mib, percentiles, report};

/// Mebibytes of messages.
const MEBIBYTES: u64 = 1024;
const CHATTERS: usize = 8;
/// How long people chat without a backup, to compare.
const WITHOUT: Duration = Duration::from_secs(15);
/// The server looks every 5 s whether a backup is due.
const PATIENCE: Duration = Duration::from_secs(600);

pub fn measure(binary: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    fill(binary, directory.path());
    let upstream = Upstream::start(Duration::from_secs(1));
    let url = upstream.url();
    let settings = [("LLM_PROVIDER", "anthropic"), ("LLM_PROVIDER_KEY", "bench"), ("LLM_PROVIDER_URL", &url)];
    let server = Server::start_in(binary, directory.path(), &settings);
    server.wait_healthy();
    let people: Vec<String> = (0..CHATTERS).map(|one| register(server.port, &format!("chatter{one}"))).collect();
    let chatting = |work: &mut dyn FnMut()| while_people_chat(server.port, &people, work);

    let delays = chatting(&mut || std::thread::sleep(WITHOUT));
    percentiles("acknowledgement of a message without a backup", delays);
    let mut figures = (Duration::ZERO, 0);
    let delays = chatting(&mut || figures = by_command(binary, directory.path()));
    report("backup by command: time", format!("{:.1} s", figures.0.as_secs_f64()));
    report("… its resident memory, peak", mib(figures.1));
    percentiles("acknowledgement of a message meanwhile", delays);
    let before = server.resident_kib();
    let mut took = Duration::ZERO;
    let delays = chatting(&mut || took = by_itself(directory.path()));
    report("backup by the server itself: time, with up to 5 s until it looks", format!("{:.1} s", took.as_secs_f64()));
    report(
        "… resident memory of the server before it, and at its peak",
        format!("{} {}", mib(before), mib(server.peak_kib())),
    );
    percentiles("acknowledgement of a message meanwhile", delays);
}

/// A gigabyte of messages in one conversation of one person; half of it is random, so it compresses like text.
fn fill(binary: &str, home: &std::path::Path) {
    let server = Server::start_in(binary, home, &[("LLM_PROVIDER", "demo")]);
    server.wait_healthy();
    let token = register(server.port, "writer");
    Socket::connect(server.port, &token).chat("Please count.", upstream::epoch());
    drop(server);
    let rows = MEBIBYTES * 256;
    let sql = format!(
        "PRAGMA synchronous=OFF; CREATE TEMP TABLE one AS SELECT * FROM messages LIMIT 1; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {rows}) \
         INSERT INTO messages (messageId, sessionId, turnId, position, role, content, timestamp) SELECT 'bench-' || i, \
         one.sessionId, one.turnId, one.position + 100 + i, 'user', \
         '[{{\"type\":\"text\",\"text\":\"' || hex(randomblob(1980)) || '\"}}]', one.timestamp FROM n, one;"
    );
    let database = home.join("data/data/agentx.db");
    let done = Command::new("sqlite3").arg(&database).arg(sql).status().expect("sqlite3 runs");
    assert!(done.success());
    let size = std::fs::metadata(&database).expect("is there").len();
    report("size of agentx.db", mib(size / 1024));
}

/// How long each message takes to be acknowledged while `work` is done.
fn while_people_chat(port: u16, people: &[String], work: &mut dyn FnMut()) -> Vec<Duration> {
    let over = Arc::new(AtomicBool::new(false));
    let chatters: Vec<_> = people
        .iter()
        .map(|token| {
            let (mut socket, over) = (Socket::connect(port, token), over.clone());
            std::thread::spawn(move || {
                let id = socket.conversation();
                let mut delays = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    delays.push(socket.acknowledged(&id, &format!("Please answer {}.", upstream::BRIEF)));
                }
                delays
            })
        })
        .collect();
    work();
    over.store(true, Ordering::Relaxed);
    chatters.into_iter().flat_map(|chatter| chatter.join().expect("ends")).collect()
}

/// Time, and peak memory in KiB.
fn by_command(binary: &str, home: &std::path::Path) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = Command::new(binary)
        .args(["backup", "--out"])
        .arg(home.join("by command"))
        .env_clear()
        .env("HOME", home)
        .env("AGENTX_DIR", home.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut peak = 0;
    loop {
        peak = peak.max(peak_kib(&child));
        match child.try_wait().expect("waits") {
            Some(status) => {
                assert!(status.success(), "{status}");
                return (began.elapsed(), peak);
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn peak_kib(child: &Child) -> u64 {
    super::server::memory_kib(child.id(), "VmHWM:")
}

/// Makes a backup due, and waits until the server has made it.
fn by_itself(home: &std::path::Path) -> Duration {
    let sql = "UPDATE users SET createdAt = createdAt - 864000000;";
    let mut sqlite3 = Command::new("sqlite3");
    sqlite3.args(["-cmd", ".timeout 5000"]).arg(home.join("data/data/portagent.db")).arg(sql);
    let done = sqlite3.stdout(Stdio::null()).status().expect("sqlite3 runs");
    assert!(done.success());
    let began = Instant::now();
    let is_made = || {
        let entries = std::fs::read_dir(home.join("data/backups")).ok()?;
        entries.flatten().find(|entry| entry.file_name().to_string_lossy().ends_with(".tar.gz"))
    };
    while is_made().is_none() {
        assert!(began.elapsed() < PATIENCE, "no backup was made");
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}
