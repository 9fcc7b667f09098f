//! A model's server without a model, inside this process: so that anybody can try the whole product, without a key
//! and without a network, through the same HTTP and the same stream of events as with a real one.
//!
//! Some words in a question make it show something: `long` (长), `slow` (慢), `think` (思考), `tool` (工具),
//! `error` (错误). See `question`.
//!
//! It listens on loopback only and wants a key that is made up at each start, so that other programs on this machine
//! cannot use it by accident. `tiny_http` is good enough for that, and only for that.

mod question;
mod reply;
mod text;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tiny_http::{Header, Method, Request, Response, Server};

use super::{Endpoint, Kind};
use crate::domain::id::{hex, random_bytes};
use crate::domain::secret::Secret;
use crate::domain::{Error, limits};

/// The only model there is.
pub const MODEL: &str = "portagent-demo";

/// Answers that are written at once: as many as turns may run, and a few that are just being closed.
const ANSWERS: usize = limits::RUNNING_TURNS + 32;
/// One request, in bytes: what Anthropic accepts.
const REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// Stack of a thread that writes an answer, in bytes: it parses JSON, whose nesting serde_json limits.
const STACK_BYTES: usize = 512 * 1024;

/// The running server. It stops when this is dropped; answers that are being written break off.
#[derive(Debug)]
pub struct Demo {
    address: SocketAddr,
    key: Secret,
    shared: Arc<DemoServer>,
    acceptor: Option<JoinHandle<()>>,
}

struct DemoServer {
    server: Server,
    key: Secret,
    stopping: AtomicBool,
    answers: AtomicUsize,
}

/// Starts it on a free port of loopback.
///
/// Errors: `Unavailable` when no socket or thread is to be had.
pub fn start() -> Result<Demo, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
        Error::unavailable("demo_failed", "The demo provider could not be started").source(source)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed(error.into()))?;
    // Inherited by every connection; without it a word waits up to 40 ms for the one before to be acknowledged.
    rustix::net::sockopt::set_tcp_nodelay(&listener, true).map_err(|error| failed(error.into()))?;
    let address = listener.local_addr().map_err(|error| failed(error.into()))?;
    let server = Server::from_listener(listener, None).map_err(failed)?;
    let key = Secret::new(format!("demo-{}", hex(&random_bytes::<16>())));
    let (stopping, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let shared = Arc::new(DemoServer { server, key: key.clone(), stopping, answers });
    let acceptor = {
        let shared = shared.clone();
        thread::Builder::new().name("demo".to_owned()).stack_size(STACK_BYTES).spawn(move || accept(&shared))
    };
    Ok(Demo { address, key, shared, acceptor: Some(acceptor.map_err(|error| failed(error.into()))?) })
}

impl Demo {
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How to ask it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: "demo".to_owned(),
            kind: Kind::Demo,
            base_url: self.base_url(),
            api_key: Some(self.key.clone()),
            needs_key: true,
            default_model: MODEL.to_owned(),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.server.unblock();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join(); // it has nothing to say that matters now
        }
    }
}

impl std::fmt::Debug for DemoServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoServer").field("answers", &self.answers).finish_non_exhaustive()
    }
}

fn accept(shared: &Arc<DemoServer>) {
    while !shared.stopping.load(Ordering::SeqCst) {
        let Ok(request) = shared.server.recv() else { continue };
        let Some(place) = AnswerSlot::take(shared) else {
            refuse(request, 529, "overloaded_error", "Too many answers at once");
            continue;
        };
        let builder = thread::Builder::new().name("demo-answer".to_owned()).stack_size(STACK_BYTES);
        // Where no thread is to be had, the request is dropped: its client sees a closed connection and asks again.
        let _ = builder.spawn(move || handle(request, &place.0));
    }
}

/// One of the answers that may be written at once.
struct AnswerSlot(Arc<DemoServer>);

impl AnswerSlot {
    fn take(shared: &Arc<DemoServer>) -> Option<Self> {
        let place = Self(shared.clone());
        // Dropping `place` gives it back, also when there was none left.
        (shared.answers.fetch_add(1, Ordering::SeqCst) < ANSWERS).then_some(place)
    }
}

impl Drop for AnswerSlot {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::SeqCst);
    }
}

fn handle(mut request: Request, shared: &DemoServer) {
    if request.body_length().is_some_and(|length| length > REQUEST_BYTES) {
        // Dropping it would make tiny_http allocate as many bytes as were announced: better lose one connection.
        std::mem::forget(request);
        return;
    }
    if !knows_key(&request, &shared.key) {
        return refuse(request, 401, "authentication_error", "invalid x-api-key");
    }
    let path = request.url().split('?').next().unwrap_or("").to_owned();
    match (request.method(), path.as_str()) {
        (Method::Post, "/v1/messages") => {}
        (Method::Get, "/v1/models") => return respond(request, 200, &models()),
        _ => return refuse(request, 404, "not_found_error", "There is nothing here"),
    }
    let mut body = Vec::new();
    if request.as_reader().take(REQUEST_BYTES as u64).read_to_end(&mut body).is_err() {
        return;
    }
    match question::read(&body) {
        Some(question) => {
            drop(body);
            // An error means that the client is gone.
            let _ = reply::write(request.into_writer(), &question, &shared.stopping);
        }
        None => refuse(request, 400, "invalid_request_error", "messages: no text of a user found"),
    }
}

fn knows_key(request: &Request, key: &Secret) -> bool {
    let given = request.headers().iter().find(|header| header.field.equiv("x-api-key"));
    given.is_some_and(|header| header.value.as_str() == key.expose())
}

fn models() -> String {
    let model = serde_json::json!({"type": "model", "id": MODEL, "display_name": "Portagent demo (no model)"});
    serde_json::json!({"data": [model], "has_more": false, "first_id": MODEL, "last_id": MODEL}).to_string()
}

fn refuse(request: Request, status: u16, kind: &str, message: &str) {
    let error = serde_json::json!({"type": kind, "message": message});
    respond(request, status, &serde_json::json!({"type": "error", "error": error}).to_string());
}

fn respond(request: Request, status: u16, body: &str) {
    let mut response = Response::from_string(body).with_status_code(status);
    if let Ok(header) = Header::from_bytes("content-type", "application/json") {
        response.add_header(header);
    }
    let _ = request.respond(response); // the client may be gone
}
