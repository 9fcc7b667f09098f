//! Watches a server while it is attacked: it answers others within a second, its memory stays bounded, and
//! nothing panics.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::server::Server;

/// Whatever strangers send, the server never has more resident memory than this.
const MOST_KIB: u64 = 96 * 1024;
/// Another client's health check is answered within this time: half of what a head may take, so that an answer that
/// waits for an attacker is found, and a machine with much else to do is not.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs `attack` and fails if anybody else had to notice it.
pub fn withstands<T>(server: &Server, attack: impl FnOnce() -> T) -> T {
    let (address, over) = (server.address(), Arc::new(AtomicBool::new(false)));
    let watch = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            // At least one look comes after the attack.
            loop {
                let was_over = over.load(Ordering::SeqCst);
                slowest = slowest.max(health(address));
                if was_over {
                    return slowest;
                }
                thread::sleep(PAUSE);
            }
        })
    };
    let result = attack();
    over.store(true, Ordering::SeqCst);
    let slowest = watch.join().expect("health checks are answered");
    assert!(slowest < ANSWERS_WITHIN, "/health took {slowest:?}");
    let peak = server.peak_kib();
    assert!(peak < MOST_KIB, "{peak} KiB");
    assert!(!(server.stdout() + &server.stderr()).contains("panicked"));
    result
}

/// One health check on a connection of its own: how long it took.
fn health(address: SocketAddr) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    began.elapsed()
}
