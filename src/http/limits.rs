//! Every limit of the public port, with its unit.

use std::time::Duration;

/// A request's head, in bytes, and the header lines in it.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;
pub(crate) const HEADER_LINES: usize = 64;

/// A request's body, in bytes, where the route does not say otherwise.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;
/// The same without authentication, and where no body is wanted.
pub(crate) const OPEN_BODY_BYTES: usize = 64 * 1024;
/// The same where a file comes, which goes to the disk and not into memory; a form has some bytes around it.
pub(crate) const UPLOAD_BYTES: usize = crate::domain::limits::FILE_BYTES as usize + 64 * 1024;
/// The same of a file to import: those of ChatGPT have everything that was ever drawn in them.
pub(crate) const IMPORT_BYTES: usize = 1024 * 1024 * 1024;
/// The slowest body that is still read to its end, in bytes a second, once the grace period is over.
pub(crate) const BODY_BYTES_PER_SECOND: u64 = 4 * 1024;
/// One line of a chunked body (a size with its extensions, or a trailer), in bytes; and how many trailers.
pub(crate) const CHUNK_LINE_BYTES: usize = 1024;
pub(crate) const TRAILER_LINES: usize = 16;

/// Requests on one connection. A client that has more to ask opens another; what leaks, leaks no further than this.
pub(crate) const REQUESTS_PER_CONNECTION: u32 = 10_000;

/// A bearer token, in bytes. Ours have about 300.
pub(crate) const TOKEN_BYTES: usize = 4 * 1024;

/// Connections at once, where memory and not descriptors is what runs out: one costs some 20 KiB.
pub(crate) const CONNECTIONS: usize = 4096;
/// Descriptors that connections leave to SQLite, upstreams, tools and the log; at most a third of all there are.
pub(crate) const DESCRIPTORS_RESERVED: usize = 256;
/// What the soft limit on descriptors is raised to, where the hard limit allows.
pub(crate) const DESCRIPTORS_WANTED: u64 = 16 * 1024;
/// One address may hold this fraction of all connections, but always at least so many.
pub(crate) const ADDRESS_SHARE: usize = 4;
pub(crate) const ADDRESS_LEAST: usize = 16;
/// This fraction of all connections, and of those of an address, is kept for plain HTTP: no WebSocket takes it.
pub(crate) const PLAIN_SHARE: usize = 4;
/// Connections that wait to be accepted.
pub(crate) const BACKLOG: i32 = 1024;

/// Stack of a connection's thread, in bytes: address space, not memory. A debug build needs half of it for JSON at
/// its deepest nesting.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// What is copied behind a head so that both leave in one write, in bytes.
pub(crate) const ONE_WRITE_BYTES: usize = 16 * 1024;

/// What is read of a file and sent at once, in bytes.
pub(crate) const FILE_PIECE_BYTES: usize = 64 * 1024;

/// After an early answer, the rest of what a client sends is read and thrown away, so that it sees the answer and
/// not a reset: at most so many bytes. Proxies make a 502 of a reset, so this covers what those that we give examples
/// for pass on (2 MB), twice.
pub(crate) const LINGER_BYTES: usize = 4 * BODY_BYTES;

/// How long we wait for what. One value for the whole port, so that tests can wait less.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// From the first byte of a head to its last.
    pub(crate) head: Duration,
    /// For the first byte of the next request.
    pub(crate) idle: Duration,
    /// For a body, before its minimum rate is looked at.
    pub(crate) body: Duration,
    /// For a peer that takes nothing of what we write.
    pub(crate) write_stall: Duration,
    /// For one response in all.
    pub(crate) write_total: Duration,
    /// For a client to close after we have answered and will not read on.
    pub(crate) linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            body: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            write_total: Duration::from_secs(120),
            linger: Duration::from_secs(3),
        }
    }
}
