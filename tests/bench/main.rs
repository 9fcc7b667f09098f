//! `make bench`: the figures of the README, measured on whatever machine this runs on.
//!
//! Nothing here passes or fails: machines differ and are noisy. Each line says what was measured and in which unit.
//! The server under test is the binary named by `PORTAGENT_BIN`, in a process of its own. Arguments choose parts of it:
//! `cargo bench --bench bench -- streaming backup`.

mod abuse;
mod backup;
mod client;
mod first_token;
mod health;
mod search;
mod server;
mod upstream;

use std::time::{Duration, Instant};

use client::{Socket, register};
use server::Server;
use upstream::Upstream;

const STARTS: usize = 20;
const IDLE_SOCKETS: usize = 1000;
const SOCKETS_PER_PERSON: usize = 50;
const CHATS: usize = 100;
const CHATS_PER_PERSON: usize = 5;
/// How long the hundred chats stream.
const STREAMING: Duration = Duration::from_secs(12);

type Part = (&'static str, fn(&str));
const PARTS: [Part; 8] = [
    ("start", start_time),
    ("sockets", idle_and_sockets),
    ("first-token", first_token::measure),
    ("streaming", streaming),
    ("health", health::compare_with_nginx),
    ("backup", backup::measure),
    ("search", search::measure),
    ("abuse", abuse::measure),
];

fn main() {
    let binary = std::env::var("PORTAGENT_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_portagent").to_owned());
    let size = std::fs::metadata(&binary).expect("the binary is there").len();
    report("binary size", mib(size / 1024));
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            measure(&binary);
        }
    }
}

fn start_time(binary: &str) {
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let started = Instant::now();
            let server = Server::start(binary, &[("LLM_PROVIDER", "demo")]);
            server.wait_healthy();
            started.elapsed()
        })
        .collect();
    times.sort();
    report("start to first /health, median of 20", millis(times[STARTS / 2]));
}

fn idle_and_sockets(binary: &str) {
    let server = Server::start(binary, &[("LLM_PROVIDER", "demo")]);
    server.wait_healthy();
    std::thread::sleep(Duration::from_secs(2));
    report("resident memory, idle, serving", mib(server.resident_kib()));
    let mut sockets = Vec::new();
    for person in 0..IDLE_SOCKETS / SOCKETS_PER_PERSON {
        let token = register(server.port, &format!("idle{person}"));
        sockets.extend((0..SOCKETS_PER_PERSON).map(|_| Socket::connect(server.port, &token)));
    }
    std::thread::sleep(Duration::from_secs(2));
    report("resident memory, 1,000 idle WebSockets", mib(server.resident_kib()));
    drop(sockets);
}

fn streaming(binary: &str) {
    let upstream = Upstream::start(STREAMING);
    let url = upstream.url();
    let server = Server::start(
        binary,
        &[("LLM_PROVIDER", "anthropic"), ("LLM_PROVIDER_KEY", "bench"), ("LLM_PROVIDER_URL", &url)],
    );
    server.wait_healthy();
    let mut sockets = Vec::new();
    for person in 0..CHATS / CHATS_PER_PERSON {
        let token = register(server.port, &format!("chat{person}"));
        sockets.extend((0..CHATS_PER_PERSON).map(|_| Socket::connect(server.port, &token)));
    }
    let asker = Socket::connect(server.port, &register(server.port, "asker"));
    let readers: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| std::thread::spawn(move || socket.chat("Please count.", upstream::epoch())))
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let questions = std::thread::spawn(move || ask_meanwhile(asker, STREAMING - Duration::from_secs(2)));
    let mut peak = 0;
    let until = Instant::now() + STREAMING - Duration::from_secs(1);
    while Instant::now() < until {
        peak = peak.max(server.resident_kib());
        std::thread::sleep(Duration::from_millis(200));
    }
    let chats: Vec<client::Chat> = readers.into_iter().map(|reader| reader.join().expect("ends")).collect();
    let completed = chats.iter().filter(|chat| chat.completed).count();
    report("chats that streamed at once and were completed", format!("{completed} of {CHATS}"));
    report("resident memory, 100 chats streaming, peak", mib(peak));
    percentiles("added delay to the first token of one more chat", questions.join().expect("ends"));
    percentiles("added delay to any token", chats.into_iter().flat_map(|chat| chat.delays).collect());
}

/// One user asks one short question after the other while the hundred stream.
fn ask_meanwhile(mut socket: Socket, time: Duration) -> Vec<Duration> {
    let until = Instant::now() + time;
    let mut delays = Vec::new();
    while Instant::now() < until {
        let chat = socket.chat(&format!("Please answer {}.", upstream::BRIEF), upstream::epoch());
        delays.extend(chat.first_delay);
    }
    delays
}

fn percentiles(what: &str, mut delays: Vec<Duration>) {
    delays.sort();
    let what = format!("{what} ({} measured)", delays.len());
    let at = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or_default();
    report(&format!("{what}, p50"), millis(at(50)));
    report(&format!("{what}, p99"), millis(at(99)));
}

fn report(what: &str, figure: String) {
    println!("{what:<68} {figure:>16}");
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
