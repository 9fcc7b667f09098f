//! What the accept loop and all connections share.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;

use super::registry::Registry;
use crate::domain::Result;
use crate::http::context::Context;
use crate::http::limits::Timeouts;
use crate::http::proxy_faults::ProxyFaults;
use crate::http::router::{RequestMetrics, Route};
use crate::http::wire::request::Request;

/// Takes the socket over: writes the 101, and returns when the WebSocket has ended. Gets what was read beyond the
/// request.
pub type RunSocket = Box<dyn FnOnce(TcpStream, Vec<u8>) + Send>;

/// Decides about a `GET /ws` that asks for WebSocket. An error is answered as any other.
pub type UpgradeHandler = dyn Fn(&Request) -> Result<RunSocket> + Send + Sync;

/// What the accept loop and all connections share.
pub(crate) struct ServerState {
    pub(crate) context: Context,
    pub(crate) routes: &'static [Route],
    pub(crate) metrics: RequestMetrics,
    pub(crate) upgrade: Arc<UpgradeHandler>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) timeouts: Timeouts,
    pub(crate) registry: Arc<Registry>,
    pub(crate) proxy_faults: ProxyFaults,
    pub(super) stopping: AtomicBool,
}

impl ServerState {
    /// No request begins any more.
    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
