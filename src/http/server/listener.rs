//! The accept loop. It ends only at a stop: what accepting can fail with passes, and a server that no longer
//! accepts is a dead one that looks alive.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::connection;
use super::refusal::Refusals;
use super::state::ServerState;
use crate::domain::{Error, Result};
use crate::http::limits::{BACKLOG, STACK_BYTES};
use crate::http::wire::client;

/// How long the loop rests, and how often, for descriptors to come free before it refuses a connection.
const REST: Duration = Duration::from_millis(5);
const RESTS: u32 = 10;
/// How long it rests after an unexpected error.
const LONG_REST: Duration = Duration::from_millis(100);

/// Errors: `Invalid` for a host that is no address of ours; `Conflict` when the port is taken.
pub(crate) fn bind(host: &str, port: u16) -> Result<TcpListener> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = (name, port)
        .to_socket_addrs()
        .map_err(|error| Error::invalid("bad_host", format!("cannot listen on {host}: {error}")))?
        .collect();
    let listener = TcpListener::bind(addresses.as_slice()).map_err(|error| bind_error(host, port, error))?;
    // std asks for a short queue; on Linux asking again changes it. Where not, the short one serves too.
    let _ = rustix::net::listen(&listener, BACKLOG);
    Ok(listener)
}

fn bind_error(host: &str, port: u16, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AddrInUse => {
            Error::conflict("port_in_use", format!("cannot listen on {host}:{port}: the port is taken"))
                .hint("stop the program that has it, or choose another with --port")
        }
        ErrorKind::PermissionDenied => {
            Error::invalid("port_not_allowed", format!("cannot listen on {host}:{port}: permission denied"))
                .hint("ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one with --port")
        }
        _ => Error::invalid("bad_host", format!("cannot listen on {host}:{port}: {error}")),
    }
}

/// Accepts until [`ServerState::stopping`].
pub(crate) fn run(listener: &TcpListener, state: &Arc<ServerState>) {
    let mut refusals = Refusals::default();
    let mut spare = open_spare();
    let mut rests = 0;
    while !state.stopping() {
        match listener.accept() {
            _ if state.stopping() => {}
            Ok((stream, peer)) => {
                rests = 0;
                admit(state, &mut refusals, stream, peer);
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) if is_out_of_descriptors(&error) => {
                refusals.clear();
                // Evicted connections need a moment to close.
                let has_room_soon = state.registry.make_room() || rests > 0;
                if has_room_soon && rests < RESTS {
                    rests += 1;
                    thread::sleep(REST);
                } else {
                    rests = 0;
                    spare = accept_with_spare(listener, state, &mut refusals, spare);
                }
            }
            Err(error) => {
                log::warn!(target: "http", "cannot accept: {error}");
                thread::sleep(LONG_REST);
            }
        }
    }
}

/// Uses the spare descriptor for the waiting connection, so that it gets an answer instead of hanging.
fn accept_with_spare(
    listener: &TcpListener,
    state: &Arc<ServerState>,
    refusals: &mut Refusals,
    spare: Option<File>,
) -> Option<File> {
    let had_one = spare.is_some();
    drop(spare);
    let accepted = if had_one { listener.accept().ok() } else { None };
    let reopened = open_spare();
    match accepted {
        _ if state.stopping() => {}
        Some((stream, peer)) if reopened.is_some() => admit(state, refusals, stream, peer),
        Some((stream, _)) => refusals.refuse_now(stream),
        None => thread::sleep(LONG_REST),
    }
    reopened.or_else(open_spare)
}

fn admit(state: &Arc<ServerState>, refusals: &mut Refusals, stream: TcpStream, peer: SocketAddr) {
    refusals.sweep();
    let stream = Arc::new(stream);
    let Some(guard) = state.registry.admit(&stream, client::counted_as(peer.ip(), &state.trusted_proxies)) else {
        return refusals.refuse(stream, state.registry.caps().total);
    };
    let (theirs, connection) = (Arc::clone(state), Arc::clone(&stream));
    let spawned = thread::Builder::new()
        .name("http".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || connection::serve(&theirs, &guard, connection, peer));
    if let Err(error) = spawned {
        log::warn!(target: "http", "cannot start a thread for a connection: {error}");
        refusals.refuse(stream, state.registry.caps().total);
    }
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// accept(2): errors that belong to the connection that was to be accepted, not to the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::INTR
                | Errno::AGAIN
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTUNREACH
                | Errno::TIMEDOUT
        )
    )
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let first = bind("127.0.0.1", 0).expect("bind");
        let port = first.local_addr().expect("address").port();
        let error = bind("127.0.0.1", port).expect_err("taken");
        assert_eq!(error.code, "port_in_use");
        assert!(error.message.contains(&port.to_string()) && error.hint.is_some());
        assert_eq!(bind("no host at all", 0).expect_err("nonsense").code, "bad_host");
    }
}
