//! The public port. We own its socket: a thread per connection, a named limit on everything a stranger sends, and one
//! table of routes. `/ws` is handed over, on the same socket, to whoever the program says.

mod access;
mod assets;
mod body;
mod caps;
mod client;
mod connection;
mod date;
mod error;
mod guard;
mod handlers;
mod head;
mod headers;
mod ids;
mod input;
mod limits;
mod listener;
mod output;
mod refusal;
mod registry;
mod request;
mod response;
mod router;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use head::Method;
pub use headers::Headers;
pub use request::Request;
pub use server::{RunSocket, Server, ServerOptions, UpgradeHandler};
