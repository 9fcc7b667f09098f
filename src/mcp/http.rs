//! A tool server over HTTP, one POST a request (Streamable HTTP, both eras), answered as JSON or as a stream of events;
//! notices of changes come on a stream of their own.

mod answer;
mod notices;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::header::LOCATION;
use ureq::http::{HeaderValue, Response};
use ureq::{Agent, Body};

use super::link::Link;
use super::rpc::{Request, Trouble, Wait, notification};
use crate::domain::Cancel;
use crate::net::{self, sse::Events};

/// A connection with its TLS handshake.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// What a courtesy may take: a notice of cancellation, the end of a session.
const COURTESY_PATIENCE: Duration = Duration::from_millis(400);
/// Redirects that are followed, within the server's own origin.
const REDIRECTS: usize = 3;
/// Buffers of one connection, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;
/// How soon a stream that broke is asked for again: what the server says, within these; else the first.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

pub(super) struct Http {
    url: String,
    headers: Vec<(String, String)>,
    /// What a legacy server calls our session.
    session: Mutex<Option<String>>,
    tools_changed: AtomicBool,
    /// Its changes are announced, as far as is known.
    has_notices: AtomicBool,
    /// Ends the thread that reads notices.
    end: Cancel,
}

/// Where a stream broke off.
#[derive(Default)]
struct Place {
    last_id: Option<String>,
    pause: Option<Duration>,
}

impl Http {
    pub(super) fn new(url: String, headers: Vec<(String, String)>) -> Self {
        Self {
            url,
            headers,
            session: Mutex::default(),
            tools_changed: AtomicBool::new(false),
            has_notices: AtomicBool::new(false),
            end: Cancel::new(),
        }
    }

    fn session(&self) -> MutexGuard<'_, Option<String>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message; the head of the answer has come when this returns.
    fn post(&self, agent: &Agent, body: &Value, headers: &[(&str, String)]) -> Result<Response<Body>, Trouble> {
        let text = body.to_string();
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let mut post = agent
                .post(&url)
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream");
            for (name, value) in self.all_headers(headers) {
                post = post.header(name, header_value(value)?);
            }
            let response = post.send(text.as_str()).map_err(|error| broken(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let target = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = target.and_then(|target| within_origin(&url, target)).ok_or_else(|| Trouble::Refused {
                code: 0,
                message: format!("The tool server redirects to another address ({})", response.status().as_u16()),
                data: Value::Null,
            })?;
        }
        Err(Trouble::Garbage("it redirects in a circle"))
    }

    /// Asks for a stream: of notices, or the rest of one that broke off.
    fn get(&self, agent: &Agent, headers: &[(&str, String)], place: &Place) -> Result<Response<Body>, Trouble> {
        let mut get = agent.get(&self.url).header("accept", "text/event-stream");
        for (name, value) in self.all_headers(headers) {
            get = get.header(name, header_value(value)?);
        }
        if let Some(id) = &place.last_id {
            get = get.header("last-event-id", header_value(id)?);
        }
        get.call().map_err(|error| broken(&error))
    }

    fn all_headers<'a>(&'a self, headers: &'a [(&str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(headers.iter().map(|(name, value)| (*name, value.as_str())))
    }

    fn headers_for(&self, request: &Request<'_>) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if request.is_modern {
            headers.push(("mcp-method", request.method.to_owned()));
            headers.extend(request.name().map(|name| ("mcp-name", plain(name))));
        }
        headers.extend(request.version.map(|version| ("mcp-protocol-version", version.to_owned())));
        if request.method != "initialize" && !request.is_modern {
            headers.extend(self.session().clone().map(|session| ("mcp-session-id", session)));
        }
        headers
    }

    /// Sends what has no answer.
    fn send(&self, message: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        let agent = agent(&self.url, wait.deadline);
        let session = self.session().clone().map(|session| ("mcp-session-id", session));
        self.post(&agent, message, &Vec::from_iter(session)).map(drop)
    }
}

impl Link for Http {
    fn ask(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let agent = agent(&self.url, wait.deadline);
        let closing = agent.clone();
        let held = wait.cancel.hold(move || closing.shutdown()).ok_or(Trouble::Cancelled)?;
        let outcome = self.post(&agent, &request.body(), &self.headers_for(request)).and_then(|response| {
            if request.method == "initialize" {
                let session = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok());
                *self.session() = session.map(str::to_owned);
            }
            self.answer(&agent, response, request, wait)
        });
        drop(held);
        // A connection that we closed ourselves may look like anything.
        let outcome = match outcome {
            Err(_) if wait.cancel.is_cancelled() => Err(Trouble::Cancelled),
            Err(Trouble::Gone(_)) if Instant::now() >= wait.deadline => Err(Trouble::Timeout),
            other => other,
        };
        if !request.is_modern && matches!(outcome, Err(Trouble::Timeout | Trouble::Cancelled)) {
            let params = serde_json::json!({"requestId": request.id, "reason": "it is no longer waited for"});
            let soon =
                Wait { deadline: Instant::now() + COURTESY_PATIENCE, cancel: &Cancel::new(), progress: wait.progress };
            let _ = self.tell("notifications/cancelled", &params, &soon); // closing the stream is no cancellation there
        }
        outcome
    }

    fn tell(&self, method: &str, params: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        self.send(&notification(method, params), wait)
    }

    fn watch(self: Arc<Self>, request: &Request<'_>, _wait: &Wait<'_>) -> Result<(), Trouble> {
        notices::watch(self, request)
    }

    fn has_notices(&self) -> bool {
        self.has_notices.load(Ordering::Relaxed)
    }

    fn gone(&self) -> Option<String> {
        None
    }

    fn take_tools_changed(&self) -> bool {
        self.tools_changed.swap(false, Ordering::Relaxed)
    }

    fn close(&self) {
        self.end.cancel();
        let Some(session) = self.session().take() else { return };
        let agent = agent(&self.url, Instant::now() + COURTESY_PATIENCE);
        let mut delete = agent.delete(&self.url).header("mcp-session-id", session);
        for (name, value) in &self.headers {
            delete = delete.header(name, value);
        }
        let _ = delete.call(); // a server may keep no sessions
    }

    fn wait_closed(&self, _most: Duration) -> bool {
        true
    }

    fn last_words(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Place {
    fn note<R: std::io::Read>(&mut self, events: &Events<R>) {
        if let Some(id) = events.last_id() {
            self.last_id = Some(id.to_owned());
        }
        self.pause = events.retry().or(self.pause);
    }

    fn pause(&self) -> Duration {
        self.pause.unwrap_or(PAUSE.0).min(PAUSE.1)
    }
}

/// A client for one request: its connection can be closed without touching another's.
pub(super) fn agent(url: &str, deadline: Instant) -> Agent {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .accept_encoding("identity")
        .max_response_header_size(BUFFER_BYTES)
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .user_agent(concat!("portagent/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_PATIENCE.min(left)))
        .timeout_global(Some(left))
        .proxy(net::proxy_for(url));
    net::agent(config.build())
}

pub(super) fn broken(error: &ureq::Error) -> Trouble {
    match error {
        ureq::Error::Timeout(_) => Trouble::Gone("it did not answer in time".to_owned()),
        ureq::Error::HostNotFound => Trouble::Gone("its name cannot be found".to_owned()),
        error => Trouble::Gone(format!("the connection failed: {error}")),
    }
}

/// It may be a secret.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Trouble::Gone("one of its headers contains characters that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A name as a header holds it (MCP 2026-07-28, "Standard headers").
fn plain(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && name.trim() == name;
    if is_plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}

/// Where a redirect leads, when that is the same origin.
pub(super) fn within_origin(url: &str, target: &str) -> Option<String> {
    let origin_end = url.find("://").map(|at| at + 3).map(|at| at + url[at..].find('/').unwrap_or(url.len() - at))?;
    let origin = &url[..origin_end];
    if target.starts_with('/') && !target.starts_with("//") {
        return Some(format!("{origin}{target}"));
    }
    let rest = target.strip_prefix(origin)?;
    (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_within_the_origin() {
        let check = |url: &str, target: &str, expected: Option<&str>| {
            assert_eq!(within_origin(url, target).as_deref(), expected, "{url} → {target}");
        };
        check("http://a:1/mcp", "/mcp/", Some("http://a:1/mcp/"));
        check("http://a:1/mcp", "http://a:1/mcp/", Some("http://a:1/mcp/"));
        check("http://a:1", "/mcp", Some("http://a:1/mcp"));
        check("http://a:1/mcp", "http://a:12/", None);
        check("http://a/mcp", "http://a.evil/", None);
        check("https://a/mcp", "http://a/mcp", None);
        check("http://a/mcp", "//evil/", None);
        check("http://a/mcp", "elsewhere", None);
    }

    #[test]
    fn names_fit_into_a_header() {
        assert_eq!(plain("get_time"), "get_time");
        assert_eq!(plain("时"), "=?base64?5pe2?=");
        assert_eq!(plain(" a"), "=?base64?IGE=?=");
    }
}
