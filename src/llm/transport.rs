//! One request to a provider: its timeouts, its buffers, and no way for the key to go anywhere else.

use std::io::Read;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{HeaderValue, Response};
use ureq::{Agent, Body};

use super::fault::Fault;
use crate::domain::limits::ANSWER_BYTES;
use crate::domain::secret::Secret;
use crate::net;

/// What we read of an answer that is an error, in bytes, and for how long.
const ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(5);
/// An answer or a list in one piece of JSON, in bytes: text, and what is wrapped around it.
const WHOLE_BYTES: u64 = 2 * ANSWER_BYTES as u64;
/// Buffers of one connection, in bytes: the client's own default of 128 KiB each would cost 100 streams 50 MB. The
/// head of the answer has to fit into the first.
const INPUT_BYTES: usize = 16 * 1024;
const OUTPUT_BYTES: usize = 8 * 1024;

/// How long each part of a call may take. There is no limit on the whole: a long answer is a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The connection with its TLS handshake. Looking up the name comes before it.
    pub connect: Duration,
    /// From the end of the request to the head of the answer. A value above `idle` has no effect, because the client
    /// applies `idle` to every single read.
    pub first_byte: Duration,
    /// Between any two bytes. Providers send pings to stay below such limits.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), first_byte: Duration::from_secs(120), idle: Duration::from_secs(120) }
    }
}

/// A client for one connection, which stays open for so long between requests.
pub(super) fn config(timeouts: &Timeouts, url: &str, idle: Duration) -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0) // the key must not travel
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .max_idle_age(idle)
        .accept_encoding("identity") // compression would hold words back; what comes compressed anyway is unpacked
        .max_response_header_size(INPUT_BYTES)
        .input_buffer_size(INPUT_BYTES)
        .output_buffer_size(OUTPUT_BYTES)
        .user_agent(concat!("portagent/", env!("CARGO_PKG_VERSION")))
        // Looking up a name is bounded by the resolver itself; with a limit of ours, ureq would start a thread for each.
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.first_byte))
        .timeout_per_read(Some(timeouts.idle))
        .timeout_per_write(Some(timeouts.idle))
        .proxy(net::proxy_for(url))
        .build()
}

/// Sends a request and waits for the head of the answer, whatever its status.
pub(super) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&'static str, String)],
    key: Option<&Secret>,
    body: &[u8],
) -> Result<Response<Body>, Fault> {
    let mut request = agent.post(url).header("content-type", "application/json").header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, header_value(value)?);
    }
    request.send(body).map_err(|error| Fault::before_head(&net::of_proxy(agent, error), key))
}

/// Asks for something.
pub(super) fn get(
    agent: &Agent,
    url: &str,
    headers: &[(&'static str, String)],
    key: Option<&Secret>,
) -> Result<Response<Body>, Fault> {
    let mut request = agent.get(url).header("accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, header_value(value)?);
    }
    request.call().map_err(|error| Fault::before_head(&net::of_proxy(agent, error), key))
}

/// A body that counts as a whole only.
pub(super) fn whole(body: impl Read, key: Option<&Secret>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    body.take(WHOLE_BYTES).read_to_end(&mut bytes).map_err(|error| Fault::in_body(error, key))?;
    Ok(bytes)
}

/// Any of them may be the key.
fn header_value(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Fault::new("upstream_auth", "The API key contains characters that cannot be sent")
            .hint("An administrator can set LLM_PROVIDER_KEY again: it is one line of plain characters")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// As much of an error's body as is worth reading; what cannot be read is left out.
pub(super) fn error_body(reader: impl Read) -> Vec<u8> {
    let until = Instant::now() + ERROR_BODY_PATIENCE;
    let mut reader = reader.take(ERROR_BODY_BYTES as u64);
    let mut body = Vec::new();
    let mut piece = [0; 4096];
    while Instant::now() < until {
        match reader.read(&mut piece) {
            Ok(count) if count > 0 => body.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    body
}
