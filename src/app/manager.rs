//! Notifications to the service manager, over the socket that it names: sd_notify(3) and sd_watchdog_enabled(3), by hand,
//! because it is a datagram with a few words.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::domain::Result;
use crate::ops::Watchdog;
use crate::service::Services;

/// Sends nothing where no service manager listens.
#[derive(Clone)]
pub(super) struct Manager(Option<Arc<Line>>);

struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    pub(super) fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self(None) };
        match Line::open(name.as_encoded_bytes()) {
            Ok(line) => Self(Some(Arc::new(line))),
            Err(error) => {
                log::warn!(target: "app", "cannot talk to the service manager at NOTIFY_SOCKET: {error}");
                Self(None)
            }
        }
    }

    /// One assignment a line, as sd_notify(3) lists them.
    pub(super) fn say(&self, what: &str) {
        let Some(line) = &self.0 else { return };
        if let Err(error) = line.socket.send_to_addr(what.as_bytes(), &line.address) {
            log::warn!(target: "app", "the service manager does not listen at NOTIFY_SOCKET: {error}");
        }
    }

    /// `READY=1` ends it.
    pub(super) fn say_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1000));
    }

    /// Where the manager wants to hear from us regularly: while both databases answer, it does.
    pub(super) fn start_watchdog(&self, services: &Arc<Services>) -> Result<Option<Watchdog>> {
        let (Some(_), Some(limit)) = (&self.0, watchdog_limit()) else { return Ok(None) };
        let manager = self.clone();
        // A third: one that comes late, or is lost, is not yet the end.
        Watchdog::start(services.clone(), limit / 3, move || manager.say("WATCHDOG=1")).map(Some)
    }
}

impl Line {
    /// A path, or `@name` for the abstract namespace of Linux.
    fn open(name: &[u8]) -> io::Result<Self> {
        let address = match name.split_first() {
            Some((b'@', rest)) => SocketAddr::from_abstract_name(rest)?,
            Some((b'/', _)) => SocketAddr::from_pathname(String::from_utf8_lossy(name).as_ref())?,
            _ => return Err(io::Error::other("neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?; // a manager that hangs is not to make us hang
        Ok(Self { socket, address })
    }
}

/// How long the manager waits between two signs of life, if it waits for ours.
fn watchdog_limit() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|usec| *usec > 0).map(Duration::from_micros)
}
