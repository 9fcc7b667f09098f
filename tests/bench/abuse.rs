//! One person asks for rendered pages on as many sockets as there may be, as fast as they can: how fast the messages of
//! another are acknowledged meanwhile, and how many of them later than the bar.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Socket, register};
use super::server::Server;
use super::upstream::{self, Upstream};
use super::{mib, percentiles, report};

const SOCKETS: usize = 16;
const LASTS: Duration = Duration::from_secs(30);
/// 95 of 100 acknowledgements come within this time.
const BAR: Duration = Duration::from_millis(250);

pub fn measure(binary: &str) {
    let home = tempfile::tempdir().expect("a directory");
    let upstream = Upstream::start(Duration::from_secs(1));
    let url = upstream.url();
    let settings = [("LLM_PROVIDER", "anthropic"), ("LLM_PROVIDER_KEY", "bench"), ("LLM_PROVIDER_URL", &url)];
    let server = Server::start_in(binary, home.path(), &settings);
    server.wait_healthy();
    let (attacker, other) = (register(server.port, "attacker"), register(server.port, "other"));
    let mut first = Socket::connect(server.port, &attacker);
    let id = first.conversation();
    first.acknowledged(&id, &format!("Please answer {}.", upstream::BRIEF));
    make_costly(home.path());
    let over = Arc::new(AtomicBool::new(false));
    let attack: Vec<_> = (0..SOCKETS)
        .map(|_| Socket::connect(server.port, &attacker))
        .map(|mut socket| {
            let (over, data) = (over.clone(), json!({"imageId": id, "limit": 200, "html": true}));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    socket.try_ask("image_messages", data.clone());
                }
            })
        })
        .collect();
    let mut socket = Socket::connect(server.port, &other);
    let (id, until) = (socket.conversation(), Instant::now() + LASTS);
    let mut delays = Vec::new();
    while Instant::now() < until {
        delays.push(socket.acknowledged(&id, &format!("Please answer {}.", upstream::BRIEF)));
    }
    over.store(true, Ordering::Relaxed);
    attack.into_iter().for_each(|thread| thread.join().expect("ends"));
    let late = delays.iter().filter(|delay| **delay > BAR).count();
    let figure = format!("{late} of {}", delays.len());
    report("acknowledged later than 250 ms, while another asks for rendered pages", figure);
    percentiles("acknowledgement of a message meanwhile", delays);
    report("resident memory meanwhile, peak", mib(server.peak_kib()));
}

/// The one answer becomes a hundred that take long to render.
fn make_costly(home: &std::path::Path) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
               INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
               SELECT 'm' || i, sessionId, i, 'assistant', '[{\"type\":\"text\",\"text\":\"' || \
               replace(hex(zeroblob(400)), '00', '**a** `b` $x^2$ | c | *d*\\n') || '\"}]', i FROM n, sessions LIMIT 100";
    let run = Command::new("sqlite3").arg(home.join("data/data/agentx.db")).arg(sql).status();
    assert!(run.expect("sqlite3 runs").success());
}
