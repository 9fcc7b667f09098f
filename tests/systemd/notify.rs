//! What the service manager hears: a socket of ours stands where systemd's would be.

use std::fs;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::disk::Ext4;
use crate::support::eventually;
use crate::support::people::{register, sqlite3};
use crate::support::server::{Builder, Server};

/// How long we tell the server that the manager waits for a sign of life.
const WATCHDOG: Duration = Duration::from_millis(300);

struct Manager(UnixDatagram);

impl Manager {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        Self(socket)
    }

    /// One datagram; `None` after a second without any.
    fn hear(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        match self.0.recv(&mut buffer) {
            Ok(length) => Some(String::from_utf8(buffer[..length].to_vec()).unwrap()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next datagram with this in it, and those before it.
    fn wait_for(&self, what: &str) -> (String, Vec<String>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut before = Vec::new();
        while Instant::now() < deadline {
            match self.hear() {
                Some(said) if said.contains(what) => return (said, before),
                Some(said) => before.push(said),
                None => {}
            }
        }
        panic!("{what} was not said, only {before:?}");
    }
}

fn watched(socket: &str) -> Builder {
    Server::builder().env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", &WATCHDOG.as_micros().to_string())
}

#[test]
fn a_life_as_the_manager_sees_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path).unwrap());
    let mut server = watched(path.to_str().unwrap()).start_in(home);
    let (ready, before) = manager.wait_for("READY=1");
    assert!(ready.contains(&format!("STATUS=serving on http://127.0.0.1:{}", server.port())), "{ready}");
    assert!(before.iter().all(|said| said == "WATCHDOG=1"), "{before:?}");
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    server.signal(Signal::HUP);
    let (reloading, _) = manager.wait_for("RELOADING=1");
    let usec: u64 = reloading.split_once("MONOTONIC_USEC=").unwrap().1.trim().parse().unwrap();
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    assert!((usec as f64 / 1e6 - uptime).abs() < 60.0, "{reloading} at {uptime}");
    let (_, between) = manager.wait_for("READY=1");
    assert!(between.iter().all(|said| said == "WATCHDOG=1"), "{between:?}");
    assert!(server.terminate().success());
    manager.wait_for("STOPPING=1");
}

#[test]
fn an_abstract_socket_and_no_watchdog() {
    let name = format!("portagent-test-{}", std::process::id());
    let manager = Manager::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let other = (std::process::id() + 1).to_string();
    let server = watched(&format!("@{name}")).env("WATCHDOG_PID", &other).start();
    manager.wait_for("READY=1");
    assert_eq!(manager.hear(), None, "signs of life are for another process to give");
    drop(server);
}

#[test]
fn no_service_manager_listens_at_the_socket() {
    for socket in ["/nowhere/notify", "relative", "@nobody-listens-here"] {
        let mut server = watched(socket).start();
        eventually("a word in the log", || server.stdout().contains("NOTIFY_SOCKET"));
        assert_eq!(server.http().get("/health", None).status, 200);
        assert!(server.terminate().success());
    }
}

/// The databases lie on a disk that is frozen: a commit hangs as it does on a disk that has gone, and with it
/// everything that wants to be stored.
#[test]
fn a_hung_database_gives_no_sign_of_life() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path).unwrap());
    let Some(disk) = Ext4::mount(&home.path().join("agentx/data"), &home.path().join("disk.ext4"), 64) else { return };
    let server = watched(path.to_str().unwrap()).start_in(home);
    manager.wait_for("WATCHDOG=1");
    let (done, registered) = channel();
    std::thread::scope(|scope| {
        let frozen = disk.freeze();
        scope.spawn(|| {
            register(&server, "ann");
            done.send(()).unwrap();
        });
        eventually("a second without a sign of life", || manager.hear().is_none());
        assert!(registered.try_recv().is_err(), "the account is not made, and was not confirmed");
        drop(frozen);
        registered.recv_timeout(Duration::from_secs(20)).unwrap();
    });
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn a_database_that_another_program_holds_is_no_reason_to_be_started_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path).unwrap());
    let server = watched(path.to_str().unwrap()).start_in(home);
    manager.wait_for("WATCHDOG=1");
    let database = server.data_dir().join("data/agentx.db");
    // A transaction that holds the write lock for longer than the server's patience of 5 seconds.
    let held = std::thread::spawn(move || sqlite3(&database, "BEGIN IMMEDIATE;\n.shell sleep 7\nROLLBACK;"));
    while !held.is_finished() {
        manager.hear();
    }
    held.join().unwrap();
    manager.wait_for("WATCHDOG=1");
    assert!(!server.stdout().contains("watchdog of the service manager is not notified"), "{}", server.stdout());
    let answer = server.http().post("/api/auth/login", None, &json!({"usernameOrEmail": "x", "password": "y"}));
    assert_eq!(answer.status, 401);
}
