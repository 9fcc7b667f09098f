//! The public port. We own its socket: a thread per connection, a named limit on everything a stranger sends, and one
//! table of routes. `/ws` is handed over, on the same socket, to the handler that the program names.
//!
//! `server → routes → router → { guard, handlers } → context → trust → wire`: *server* accepts and serves connections, *wire*
//! turns bytes into requests and responses, *context* is what handlers have at hand.

mod assets;
mod context;
mod gate;
mod guard;
mod handlers;
mod limits;
mod proxy_faults;
mod router;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod trust;
mod wire;

pub use server::{RunSocket, Server, ServerOptions, UpgradeHandler};
pub use wire::head::Method;
pub use wire::headers::Headers;
pub use wire::request::Request;
