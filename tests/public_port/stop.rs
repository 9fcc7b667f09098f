//! A stop: everybody is told, everything is stored, nothing is left lying about.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::people::{login, register};
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::ws;

fn leftovers(server: &Server) -> Vec<String> {
    fs::read_dir(server.data_dir().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("-journal"))
        .collect()
}

#[test]
fn both_signals_end_it_cleanly() {
    let mut server = Server::start();
    let token = register(&server, "ann");
    for signal in [Signal::TERM, Signal::INT] {
        let mut socket = ws::Client::connect(server.port(), &token);
        let mut idle = Raw::connect(server.address());
        let mut half = Raw::connect(server.address());
        half.send("GET / HTTP/1.1\r\nHo");
        idle.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(idle.response().status, 200);
        let began = Instant::now();
        server.signal(signal);
        assert_eq!(socket.wait_closed().0, 1001);
        drop(socket);
        assert_eq!(server.wait().code(), Some(0), "{signal:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert_eq!(leftovers(&server), Vec::<String>::new());
        assert!(idle.is_closed_within(Duration::from_secs(1)));
        server.restart();
    }
    assert!(!server.stdout().contains("ERROR") && !server.stdout().contains("WARN"), "{}", server.stdout());
    login(&server, "ann");
}

#[test]
fn a_kill_loses_no_account() {
    let mut server = Server::start();
    let token = register(&server, "ann");
    server.kill9();
    server.restart();
    assert_eq!(server.http().get("/api/auth/verify", Some(&token)).status, 200);
    assert_eq!(server.terminate().code(), Some(0));
    assert_eq!(leftovers(&server), Vec::<String>::new());
}
