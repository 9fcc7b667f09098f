//! A client of tool servers (Model Context Protocol): the servers that an administrator declares, started when they are
//! needed and closed when they are not, over stdio and HTTP, in both eras of the protocol.
//!
//! What a server says is neither believed nor trusted: its answers are bounded in time and size, its processes in
//! memory and number, and its schemas are mended or left out.

mod client;
mod config;
mod exchange;
mod file;
mod host;
mod http;
mod link;
mod name;
mod old_sse;
mod result;
mod rpc;
mod schema;
mod server;
mod servers;
mod stdio;

pub use client::Era;
pub use config::{Approval, Declared, MASK, Scope, check_name};
pub use host::{ARGUMENT as HOST_ARGUMENT, run as run_host};
pub use result::CallResult;
pub use rpc::Progress;
pub use server::{Catalog, RemoteTool, Status};
pub use servers::{Limits as CallLimits, Offered, Servers, View};
