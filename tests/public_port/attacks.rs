//! What strangers do to a public port.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::under_fire::withstands;
use crate::support::raw::{Raw, exchange};
use crate::support::server::Server;

/// How long the slow ones go on.
const SLOWLY_FOR: Duration = Duration::from_secs(4);

/// This process holds the other ends.
fn allow_many_sockets() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(8192).min(8192);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
}

/// Connections that each send one byte a second, of a head that never ends.
fn slow_ones(server: &Server, count: usize) {
    allow_many_sockets();
    let until = Instant::now() + SLOWLY_FOR;
    let head = b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaa";
    let mut streams: Vec<TcpStream> = (0..count).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for byte in head.iter().cycle() {
        for stream in &mut streams {
            let _ = stream.write_all(&[*byte]); // the server may have had enough of it
        }
        if Instant::now() >= until {
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn five_hundred_slow_ones() {
    let server = Server::start();
    withstands(&server, || slow_ones(&server, 500));
}

#[test]
fn two_hundred_where_there_are_64_descriptors() {
    let server = Server::builder().descriptors(64).start();
    withstands(&server, || slow_ones(&server, 200));
    assert_eq!(server.http().get("/health/ready", None).json()["status"], "pass", "the databases have theirs");
}

#[test]
fn a_hundred_megabytes_of_header() {
    let server = Server::start();
    let status = withstands(&server, || {
        let mut attacker = Raw::connect(server.address());
        attacker.send("GET / HTTP/1.1\r\nHost: h\r\nX-Large: ");
        let block = [b'a'; 64 * 1024];
        let sent = (0..1600).take_while(|_| attacker.try_send(block).is_ok()).count();
        assert!(sent < 1600, "it does not listen to all of it");
        attacker.try_response(false).ok().map(|answer| answer.status)
    });
    // A client that sends on and on may find its connection reset before it reads the answer.
    assert!(matches!(status, None | Some(431)), "{status:?}");
}

#[test]
fn heads_that_lie() {
    let server = Server::start();
    let check = |lines: &str, body: &str, expected: u16| {
        let request = format!("POST /api/auth/login HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}");
        let answer = exchange(server.address(), &request);
        assert_eq!(answer.status, expected, "{lines:?}: {}", answer.text());
        assert!(answer.json()["code"].is_string() && answer.header("connection") == Some("close"), "{}", answer.head);
    };
    let json = "Content-Type: application/json\r\n";
    withstands(&server, || {
        check(&format!("{json}Content-Length: 9000000000000000000\r\n"), "{}", 413);
        check(&format!("{json}Content-Length: 99999999999999999999999999\r\n"), "{}", 413);
        check("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400);
        check("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "0\r\n\r\n", 400);
        check("Content-Length: 2\r\nContent-Length: 2\r\n", "{}", 400);
        check("Content-Length: 2\r\nContent-Length: 3\r\n", "{}", 400);
        check("Content-Length: -1\r\n", "", 400);
        check(&format!("{json}Transfer-Encoding: chunked\r\n"), "ffffffffffffffff\r\nx", 413);
        check(&format!("{json}Transfer-Encoding: chunked\r\n"), "zz\r\n", 400);
        let first_line = |line: &str| exchange(server.address(), format!("{line}\r\nHost: h\r\n\r\n")).status;
        assert_eq!(first_line("GET / HTTP/2.0"), 505);
        assert_eq!(first_line("PRI * HTTP/2.0"), 505);
        assert_eq!(first_line("GET /"), 400);
        assert_eq!(first_line("\u{16}\u{3}\u{1} a TLS hello"), 400);
        assert_eq!(exchange(server.address(), "GET / HTTP/1.1\r\n\r\n").status, 400, "no Host");
        assert_eq!(first_line("GET /%00%ff/../../etc/passwd HTTP/1.1"), 400);
    });
}

#[test]
fn pipelined_requests_whose_answers_are_not_read() {
    let server = Server::start();
    let page = exchange(server.address(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n").text();
    let script = page.split('"').find(|word| word.ends_with("main.js")).expect("a script");
    let request = format!("GET {script} HTTP/1.1\r\nHost: h\r\n\r\n");
    withstands(&server, || {
        let mut attackers: Vec<Raw> = (0..50).map(|_| Raw::connect(server.address())).collect();
        for attacker in &mut attackers {
            attacker.send(request.repeat(20));
        }
        thread::sleep(Duration::from_millis(500)); // while nothing is read
        let mut one = attackers.pop().unwrap();
        for _ in 0..20 {
            assert_eq!(one.response().status, 200, "who reads after all gets all of it");
        }
    });
}

#[test]
fn uploads_of_strangers_are_not_held() {
    let server = Server::start();
    withstands(&server, || {
        let head = "POST /api/auth/password HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\
                    Content-Type: application/json\r\n\r\n";
        let mut attackers: Vec<Raw> = (0..100).map(|_| Raw::connect(server.address())).collect();
        for attacker in &mut attackers {
            let _ = attacker.try_send([head.as_bytes(), &[b' '; 200_000]].concat());
        }
        for attacker in &mut attackers {
            let status = attacker.try_response(false).map(|answer| answer.status);
            assert!(!matches!(status, Ok(200..400)), "{status:?}");
        }
    });
}
