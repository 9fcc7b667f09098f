//! A model's server without a model, inside this process: so that anybody can try the whole product, without a key
//! and without a network, through the same HTTP and the same stream of events as with a real one.
//!
//! Some words in a question make it show something: `long` (长), `slow` (慢), `think` (思考), `tool` (工具),
//! `error` (错误). See `question`.
//!
//! It listens on loopback only and wants a key that is made up at each start, so that other programs on this machine
//! cannot use it by accident.

mod question;
mod reply;
mod text;
mod wire;

use std::io::BufWriter;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wire::Head;

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
/// How long accepting rests after a failure, such as no descriptor that is free.
const REST: Duration = Duration::from_millis(20);
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

#[derive(Debug)]
struct DemoServer {
    listener: TcpListener,
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
    let key = Secret::new(format!("demo-{}", hex(&random_bytes::<16>())));
    let (stopping, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let shared = Arc::new(DemoServer { listener, key: key.clone(), stopping, answers });
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
        // Wakes the thread that waits in accept(2).
        let _ = rustix::net::shutdown(&self.shared.listener, rustix::net::Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join(); // it has nothing to say that matters now
        }
    }
}

fn accept(shared: &Arc<DemoServer>) {
    while !shared.stopping.load(Ordering::SeqCst) {
        let Ok((stream, _)) = shared.listener.accept() else {
            thread::sleep(REST);
            continue;
        };
        let Some(place) = AnswerSlot::take(shared) else {
            wire::turn_away(&stream);
            continue;
        };
        let builder = thread::Builder::new().name("demo-answer".to_owned()).stack_size(STACK_BYTES);
        // Where no thread is to be had, the connection is dropped: its client asks again.
        let _ = builder.spawn(move || handle(&stream, &place.0));
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

/// A client that sends no whole request in time is not answered.
fn handle(stream: &TcpStream, shared: &DemoServer) {
    let Ok(head) = Head::read(stream) else { return };
    if head.header("x-api-key") != Some(shared.key.expose()) {
        return refuse(stream, 401, "authentication_error", "invalid x-api-key");
    }
    match (head.method.as_str(), head.path.as_str()) {
        ("POST", "/v1/messages") => {}
        ("GET", "/v1/models") => return wire::respond(stream, 200, &models()),
        _ => return refuse(stream, 404, "not_found_error", "There is nothing here"),
    }
    let Ok(body) = head.body(stream, REQUEST_BYTES) else { return };
    match question::read(&body) {
        Some(question) => {
            drop(body);
            // An error means that the client is gone.
            let _ = reply::write(BufWriter::new(stream), &question, &shared.stopping);
        }
        None => refuse(stream, 400, "invalid_request_error", "messages: no text of a user found"),
    }
}

fn models() -> String {
    let model = serde_json::json!({"type": "model", "id": MODEL, "display_name": "Portagent demo (no model)"});
    serde_json::json!({"data": [model], "has_more": false, "first_id": MODEL, "last_id": MODEL}).to_string()
}

fn refuse(stream: &TcpStream, status: u16, kind: &str, message: &str) {
    let error = serde_json::json!({"type": kind, "message": message});
    wire::respond(stream, status, &serde_json::json!({"type": "error", "error": error}).to_string());
}
