//! The WebSocket: frames in, one service call each, answers and events out.
//!
//! *upgrade* decides who may connect; *socket* is the reader's thread, *writer* the only thread that writes the
//! socket; *dispatcher* takes the frames, *requests* makes a service call of each; *protocol*, *view* and *events* are the
//! wire's JSON. Between reader, writer and publishers stands the hub's outbox.

mod closing;
mod dispatcher;
mod events;
mod token_bucket;
mod protocol;
mod requests;
mod socket;
#[cfg(test)]
mod tests;
mod upgrade;
mod view;
mod writer;

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::limits::PING_EVERY;
pub use upgrade::{Accepted, accept};

/// What an HTTP request that wants to become a WebSocket brought along.
#[derive(Debug, Clone)]
pub struct Upgrade {
    pub method: String,
    /// What stood behind the `?`, still percent-encoded. It may carry a token: it must not be logged.
    pub target_query: Option<String>,
    pub headers: Vec<(String, String)>,
    /// What the client asked for: as a trusted proxy says, else as the request does.
    pub host: Option<String>,
    /// The address under which it is counted, if it is.
    pub address: Option<IpAddr>,
    pub request_id: String,
}

#[derive(Debug, Clone)]
pub struct WsOptions {
    /// Scheme, host and port of the address that people use, where it is known: `https://chat.example.com`.
    pub public_origin: Option<String>,
    pub ping_every: Duration,
    /// A peer that was not heard of for so long is dropped.
    pub silence: Duration,
    /// A peer that takes nothing for so long is dropped, and one that takes less than so many bytes a second for longer:
    /// who reads one byte in a while holds memory for as long.
    pub stall: Duration,
    pub least_rate: usize,
}

impl Default for WsOptions {
    fn default() -> Self {
        Self {
            public_origin: None,
            ping_every: PING_EVERY,
            silence: Duration::from_secs(60),
            stall: Duration::from_secs(20),
            least_rate: 4 * 1024,
        }
    }
}
