//! Numbers come also when a database keeps silent.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{scrape, value};
use crate::support::server::Server;

/// Holds every lock that a reader of the database needs (SQLite's walformat.html, section 2.3.1), until it is killed.
struct Holder(Child);

impl Holder {
    fn of(shm: &Path) -> Self {
        let script = r#"use Fcntl; open(F, "+<", $ARGV[0]) or die; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 120, 8, 0);
            fcntl(F, F_SETLKW, $l) or die; $| = 1; print "held\n"; sleep 60;"#;
        let mut child =
            Command::new("perl").args(["-e", script]).arg(shm).stdout(Stdio::piped()).spawn().expect("perl starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_scrape_works_while_a_database_does_not_answer() {
    let server = Server::start();
    let holder = Holder::of(&server.data_dir().join("data/portagent.db-shm"));
    let began = Instant::now();
    let text = scrape(&server);
    assert!(began.elapsed() < Duration::from_secs(4), "it waited {:?}", began.elapsed());
    assert_eq!(value(&text, "portagent_healthy"), Some(0.0), "{text}");
    assert!(value(&text, "portagent_uptime_seconds").is_some() && value(&text, "process_threads").is_some());
    drop(holder);
    crate::support::eventually("it is well again", || value(&scrape(&server), "portagent_healthy") == Some(1.0));
}
