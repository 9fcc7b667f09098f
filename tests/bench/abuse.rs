//! One account attacks in the ways of `tests/abuse`, within the limits as they are by default: how fast the messages of
//! another person are acknowledged meanwhile, how many of them later than the bar, whether `/health` answers, and how
//! much memory the server takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Socket, register};
use super::server::Server;
use super::upstream::{self, Upstream};
use super::{mib, millis, report};

const SOCKETS: usize = 16;
/// Messages of the other person under each attack: as many as a minute allows.
const MESSAGES: usize = 60;
const PAUSE: Duration = Duration::from_millis(150);
/// 95 of 100 acknowledgements come within this time.
const BAR: Duration = Duration::from_millis(250);

struct Target {
    port: u16,
    /// Of the attacker, and a conversation of theirs with a hundred long answers.
    token: String,
    conversation: Value,
    over: AtomicBool,
}

type Attack = (&'static str, fn(&Target));
const ATTACKS: [Attack; 8] = [
    ("nothing, for comparison", |target| target.wait()),
    ("pages and lists, read as fast as they come", read_fast),
    ("pages and lists that are not read", |target| hold(target, 0)),
    ("pages and lists, 100 bytes a second", |target| hold(target, 10)),
    ("messages of 1 MiB that never end", unfinished),
    ("messages of 500 KiB as fast as they go", write_fast),
    ("66 logins at once with the right password", log_in),
    ("sockets opened without end by 6 accounts", open_sockets),
];

pub fn measure(binary: &str) {
    for (name, attack) in ATTACKS {
        let home = tempfile::tempdir().expect("a directory");
        let upstream = Upstream::start(Duration::from_secs(1));
        let url = upstream.url();
        let settings = [
            ("LLM_PROVIDER", "anthropic"),
            ("LLM_PROVIDER_KEY", "bench"),
            ("LLM_PROVIDER_URL", &url),
            ("MESSAGES_PER_MINUTE", "60"),
            ("SOCKETS_PER_USER", "16"),
            ("STORAGE_PER_USER_MB", "256"),
        ];
        let server = Server::start_in(binary, home.path(), &settings);
        server.wait_healthy();
        let (token, other) = (register(server.port, "attacker"), register(server.port, "other"));
        let mut first = Socket::connect(server.port, &token);
        let conversation = first.conversation();
        first.acknowledged(&conversation, &format!("Please answer {}.", upstream::BRIEF));
        drop(first);
        make_costly(home.path());
        let over = AtomicBool::new(false);
        let target = Target { port: server.port, token, conversation, over };
        let (delays, healthy) = thread::scope(|scope| {
            scope.spawn(|| attack(&target));
            let measured = chat(server.port, &other);
            target.over.store(true, Ordering::Relaxed);
            measured
        });
        tell(name, delays, healthy, server.peak_kib());
    }
}

/// What the other person sees: how long each acknowledgement took, and how often `/health` answered.
fn chat(port: u16, token: &str) -> (Vec<Duration>, usize) {
    thread::sleep(Duration::from_millis(500));
    let mut socket = Socket::connect(port, token);
    let id = socket.conversation();
    let mut healthy = 0;
    let delays = (0..MESSAGES).map(|_| {
        healthy += usize::from(is_healthy(port));
        thread::sleep(PAUSE);
        socket.acknowledged(&id, &format!("Please answer {}.", upstream::BRIEF))
    });
    (delays.collect(), healthy)
}

fn tell(name: &str, mut delays: Vec<Duration>, healthy: usize, peak: u64) {
    delays.sort();
    let late = delays.iter().filter(|delay| **delay > BAR).count();
    let p95 = delays[delays.len() * 95 / 100];
    println!("{name}");
    report("  another's acknowledgement, p95", millis(p95));
    report("  later than 250 ms", format!("{late} of {}", delays.len()));
    report("  /health answered", format!("{healthy} of {MESSAGES}"));
    report("  resident memory, peak", mib(peak));
}

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

impl Target {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn wait(&self) {
        while self.goes_on() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn sockets(&self) -> Vec<Socket> {
        (0..SOCKETS).map(|_| Socket::connect(self.port, &self.token)).collect()
    }

    fn page(&self) -> Value {
        json!({"imageId": self.conversation, "limit": 200, "html": true})
    }
}

fn read_fast(target: &Target) {
    thread::scope(|scope| {
        for mut socket in target.sockets() {
            scope.spawn(move || while target.goes_on() && socket.attack("image_messages", &target.page()) {});
        }
    });
}

/// Asks for more than is read: so many bytes at a time from each.
fn hold(target: &Target, bytes: usize) {
    let mut sockets = target.sockets();
    for socket in &mut sockets {
        for _ in 0..50 {
            socket.send("image_messages", &target.page());
        }
    }
    while target.goes_on() {
        sockets.iter_mut().for_each(|socket| socket.read_some(bytes));
        thread::sleep(Duration::from_millis(100));
    }
}

/// A masked text frame of 1 MiB, without its last bytes.
fn unfinished(target: &Target) {
    let mut sockets = target.sockets();
    let head = [[0x81, 0xff].as_slice(), &(1_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    sockets.iter_mut().for_each(|socket| socket.write_raw(&[head.as_slice(), &[b'x'; 1_048_000]].concat()));
    target.wait();
}

fn write_fast(target: &Target) {
    let data = json!({"imageId": target.conversation, "content": "x".repeat(500 * 1024)});
    thread::scope(|scope| {
        for mut socket in target.sockets().into_iter().take(8) {
            let data = &data;
            scope.spawn(move || {
                while target.goes_on() && socket.attack("message_send", data) {
                    socket.attack("agent_interrupt", &json!({"imageId": target.conversation}));
                }
            });
        }
    });
}

fn log_in(target: &Target) {
    let body = json!({"username": "attacker", "password": "secret1"}).to_string();
    let request = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::scope(|scope| {
        for _ in 0..66 {
            scope.spawn(|| {
                while target.goes_on() {
                    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", target.port)) {
                        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
                    }
                }
            });
        }
    });
}

fn open_sockets(target: &Target) {
    let tokens: Vec<String> = (0..6).map(|n| register(target.port, &format!("eve{n}"))).collect();
    let mut kept = Vec::new();
    while target.goes_on() {
        for token in &tokens {
            kept.extend(Socket::try_connect(target.port, token));
        }
        kept.drain(..kept.len().saturating_sub(400));
    }
}

/// The one answer becomes a hundred that take long to render.
fn make_costly(home: &Path) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
               INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
               SELECT 'm' || i, sessionId, i, 'assistant', '[{\"type\":\"text\",\"text\":\"' || \
               replace(hex(zeroblob(400)), '00', '**a** `b` $x^2$ | c | *d*\\n') || '\"}]', i FROM n, sessions LIMIT 100";
    let run = Command::new("sqlite3").arg(home.join("data/data/agentx.db")).arg(sql).status();
    assert!(run.expect("sqlite3 runs").success());
}
