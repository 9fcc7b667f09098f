//! The public port as the rest of the program sees it: started, stopped, waited for.

mod access;
mod caps;
mod connection;
mod listener;
mod refusal;
mod registry;
mod state;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use ipnet::IpNet;

use self::registry::Registry;
use self::state::ServerState;
pub use self::state::{RunSocket, UpgradeHandler};
use super::assets::Assets;
use super::context::Context;
use super::gate::Gate;
use super::limits::Timeouts;
use super::proxy_faults::ProxyFaults;
use super::router::{RequestMetrics, Route};
use super::routes::ROUTES;
use super::trust::Trust;
use crate::domain::secret::Secret;
use crate::domain::web_origin::WebOrigin;
use crate::domain::{Error, Result};
use crate::service::Services;

pub struct ServerOptions {
    pub host: String,
    /// 0: any that is free; [`Server::local_addr`] returns it.
    pub port: u16,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The sub-path we are served under: empty, or like `/chat`.
    pub base_path: String,
    /// Scheme, host and port of the address that people use, where it is known.
    pub public_origin: Option<String>,
    /// No proxy and no public address are set, so that a loopback peer is this machine itself.
    pub knows_local: bool,
    /// What `/metrics` asks for; without it, it is for this machine and its network, where that can be known.
    pub metrics_token: Option<Secret>,
    /// Instead of our own bound; the descriptors of the process bound it too.
    pub max_connections: Option<usize>,
}

pub struct Server {
    state: Arc<ServerState>,
    listener: Mutex<Option<Arc<TcpListener>>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    address: SocketAddr,
}

impl Server {
    /// Errors: `Invalid` for a host that cannot be listened on; `Conflict` when the port is taken.
    pub fn start(options: ServerOptions, services: Arc<Services>, upgrade: Arc<UpgradeHandler>) -> Result<Self> {
        Self::start_with(options, services, upgrade, ROUTES, Timeouts::default())
    }

    /// For tests, which bring routes and timeouts of their own.
    pub(crate) fn start_with(
        options: ServerOptions,
        services: Arc<Services>,
        upgrade: Arc<UpgradeHandler>,
        routes: &'static [Route],
        timeouts: Timeouts,
    ) -> Result<Self> {
        let listener = Arc::new(listener::bind(&options.host, options.port)?);
        let caps = caps::from_process(options.max_connections);
        services.limit_sockets(caps.sockets(), caps.sockets_per_address());
        let address = listener.local_addr().map_err(Error::internal)?;
        let base_path = tidy_base(&options.base_path);
        let state = Arc::new(ServerState {
            context: Context {
                services,
                trust: Trust {
                    public: options.public_origin.as_deref().and_then(WebOrigin::parse),
                    knows_local: options.knows_local,
                },
                assets: Assets::embedded(&base_path),
                base_path,
                metrics_token: options.metrics_token,
                doctor: Gate::for_streams(),
                silence: Gate::for_silence(),
            },
            routes,
            metrics: RequestMetrics::of(routes),
            upgrade,
            trusted_proxies: options.trusted_proxies,
            timeouts,
            registry: Arc::new(Registry::new(caps)),
            proxy_faults: ProxyFaults::default(),
            stopping: AtomicBool::new(false),
        });
        let (theirs, socket) = (Arc::clone(&state), Arc::clone(&listener));
        let accepting = thread::Builder::new()
            .name("accept".to_owned())
            .spawn(move || listener::run(&socket, &theirs))
            .map_err(Error::internal)?;
        Ok(Self { state, listener: Mutex::new(Some(listener)), accepting: Mutex::new(Some(accepting)), address })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection without a request in progress. Those in progress end their request.
    pub fn stop_accepting(&self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Wakes the thread that waits in accept(2).
            let _ = rustix::net::shutdown(&*listener, rustix::net::Shutdown::Both);
        }
        if let Some(thread) = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
        self.state.registry.close_idle();
    }

    /// Waits until the requests in progress are answered and the WebSockets have ended, or the deadline comes; then
    /// shuts what is left. The hub closes the WebSockets before this is called.
    pub fn close_all(&self, deadline: Instant) {
        self.stop_accepting();
        if !self.state.registry.wait_empty(deadline) {
            self.state.registry.shut_all();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_accepting();
        self.state.registry.shut_all();
    }
}

/// Empty, or with a slash in front and none behind.
fn tidy_base(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        inner => format!("/{inner}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_tidied() {
        for (given, tidy) in [("", ""), ("/", ""), ("/chat", "/chat"), ("chat/", "/chat"), ("/a/b/", "/a/b")] {
            assert_eq!(tidy_base(given), tidy, "{given}");
        }
    }
}
