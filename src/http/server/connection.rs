//! One connection, from its first byte to its last: read a head, decide, read the body, answer; again.

use std::io::{ErrorKind, Read as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::{Line, Shown};
use super::registry::{ConnectionGuard, Phase};
use super::state::{RunSocket, ServerState};
use crate::domain::id::UserId;
use crate::http::limits::{HEAD_BYTES, LINGER_BYTES, REQUESTS_PER_CONNECTION};
use crate::http::router::{self, Admitted};
use crate::http::wire::body::{self, BodyError, Sink};
use crate::http::wire::failure::Failure;
use crate::http::wire::head::{self, Framing, Head, Method};
use crate::http::wire::ids::Ids;
use crate::http::wire::input::Input;
use crate::http::wire::output::Output;
use crate::http::wire::request::{self, Request};
use crate::http::wire::response::{Persistence, Response};
use crate::telemetry::metrics::RouteMetrics;

/// Serves the connection until it ends. The caller owns the guard, which is freed when this thread ends.
pub(crate) fn serve(state: &ServerState, guard: &ConnectionGuard, stream: Arc<TcpStream>, peer: SocketAddr) {
    let ready = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(state.timeouts.write_stall)));
    if ready.is_err() {
        return;
    }
    let mut connection = Connection {
        state,
        guard,
        peer,
        input: Input::new(Arc::clone(&stream)),
        output: Output::new(Arc::clone(&stream), state.timeouts),
        ids: Ids::new(),
        began: Instant::now(),
        answered: 0,
    };
    loop {
        match connection.exchange() {
            Next::Request => {}
            Next::Close => return,
            Next::Linger => return linger(&stream, guard, state.timeouts.linger),
            Next::Socket(run) => {
                let leftover = connection.finish();
                return hand_over(stream, guard, run, leftover);
            }
        }
    }
}

/// What becomes of the connection.
enum Next {
    Request,
    Close,
    /// Close, after giving the client time to read the answer: it may still be sending.
    Linger,
    Socket(RunSocket),
}

/// How a request ended.
enum RequestEnd {
    Answer(Response),
    Failed(Failure),
    Socket(RunSocket),
    /// The client went away before its body was whole: there is no one to answer.
    Gone,
}

/// A request on its way, with what is known about it so far.
struct Exchange {
    request: Request,
    framing: Framing,
    expects_continue: bool,
    keep_alive: bool,
    user: Option<UserId>,
    /// The body was read to its end, so another request may follow it.
    body_read: bool,
    metrics: &'static RouteMetrics,
    /// When all of it was here: what a client takes to send it is not ours.
    whole: Instant,
}

struct Connection<'a> {
    state: &'a ServerState,
    guard: &'a ConnectionGuard,
    peer: SocketAddr,
    input: Input,
    output: Output,
    ids: Ids,
    /// When the first byte of the current request was there.
    began: Instant,
    answered: u32,
}

impl Connection<'_> {
    fn exchange(&mut self) -> Next {
        // First the phase, then the flag: a stop does it the other way round.
        if !self.guard.enter(Phase::Idle) || self.state.stopping() {
            return Next::Close;
        }
        let head = match self.read_head() {
            Ok(Some(head)) => head,
            Ok(None) => return Next::Close,
            Err(failure) => return self.refuse(failure),
        };
        if !self.guard.enter(Phase::Busy) {
            return Next::Close;
        }
        let (framing, expects_continue, keep_alive) = (head.framing, head.expects_continue, head.keep_alive);
        let state = self.state;
        let built = request::build(head, self.peer, &state.trusted_proxies, &state.context.base_path, self.ids.next());
        let request = match built {
            Ok(request) => request,
            Err(failure) => return self.refuse(failure),
        };
        let body_read = framing == Framing::Empty;
        let (metrics, whole) = (state.metrics.none, Instant::now());
        let mut exchange =
            Exchange { request, framing, expects_continue, keep_alive, user: None, body_read, metrics, whole };
        let outcome = self.decide(&mut exchange);
        self.conclude(exchange, outcome)
    }

    /// `None`: the peer ended, or was silent for too long.
    fn read_head(&mut self) -> Result<Option<Head>, Failure> {
        let timeouts = self.state.timeouts;
        if self.input.peek().is_empty() && !matches!(self.input.fill(Instant::now() + timeouts.idle), Ok(1..)) {
            return Ok(None);
        }
        self.began = Instant::now();
        let mut seen = 0;
        loop {
            // RFC 9112 section 2.2: empty lines before a request line are passed over.
            while self.input.peek().starts_with(b"\r\n") {
                self.input.consume(2);
                seen = 0;
            }
            let bytes = self.input.peek();
            if head::is_proxy_preamble(bytes) {
                self.state.proxy_faults.preamble();
                return Err(Failure::proxy_protocol());
            }
            if !head::plausible(bytes) {
                return Err(Failure::malformed("This is not HTTP"));
            }
            let end = head::end(bytes, seen);
            if end.unwrap_or(bytes.len()) > HEAD_BYTES {
                return Err(Failure::head_too_large());
            }
            if let Some(end) = end {
                let parsed = head::parse(&bytes[..end]);
                self.input.consume(end);
                return parsed.map(Some);
            }
            if seen == 0 && !self.guard.enter(Phase::Head) {
                return Ok(None);
            }
            seen = bytes.len();
            match self.input.fill(self.began + timeouts.head) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Failure::timeout()),
                Ok(0) | Err(_) => return Ok(None),
            }
        }
    }

    /// Nothing in here may take the server down: a panic costs this connection and no other.
    fn decide(&mut self, exchange: &mut Exchange) -> RequestEnd {
        catch_unwind(AssertUnwindSafe(|| match self.answer(exchange) {
            Ok(outcome) => outcome,
            Err(failure) => {
                match failure.error.code.as_str() {
                    "upgrade_required" => self.state.proxy_faults.no_upgrade(&exchange.request),
                    "foreign_origin" => self.state.proxy_faults.foreign_page(&exchange.request),
                    _ => {}
                }
                RequestEnd::Failed(failure)
            }
        }))
        .unwrap_or_else(|_| {
            exchange.keep_alive = false;
            RequestEnd::Failed(Failure::panicked())
        })
    }

    /// The caller is known before the body is read: a stranger cannot make us hold one.
    fn answer(&mut self, exchange: &mut Exchange) -> Result<RequestEnd, Failure> {
        let context = &self.state.context;
        context.trust.check(&exchange.request)?;
        let route = router::find(self.state.routes, &mut exchange.request)?;
        exchange.metrics = self.state.metrics.at(route.row);
        let admitted = route.handler.admit(context, &exchange.request)?;
        exchange.user = admitted.caller().map(|caller| caller.user.id.clone());
        if let (Admitted::Socket, true) = (&admitted, exchange.request.wants_websocket()) {
            if exchange.framing != Framing::Empty {
                return Err(Failure::malformed("A WebSocket's request has no body"));
            }
            return Ok(RequestEnd::Socket((self.state.upgrade)(&exchange.request)?));
        }
        check_length(exchange, route.body_limit)?;
        let mut receiver = admitted.receiver(context, &exchange.request)?;
        let mut body = Vec::new();
        let read = match receiver.as_deref_mut() {
            Some(receiver) => self.read_body(exchange, route.body_limit, receiver),
            None => self.read_body(exchange, route.body_limit, &mut body),
        };
        exchange.whole = Instant::now();
        match read {
            Ok(()) => {}
            Err(BodyError::Refused(failure)) => return Err(failure),
            Err(BodyError::Gone) => return Ok(RequestEnd::Gone),
        }
        exchange.request.body = body;
        Ok(RequestEnd::Answer(match receiver {
            Some(receiver) => receiver.finish()?,
            None => admitted.run(context, &exchange.request)?,
        }))
    }

    fn read_body(&mut self, exchange: &mut Exchange, limit: usize, sink: &mut dyn Sink) -> Result<(), BodyError> {
        if exchange.body_read {
            return Ok(());
        }
        if exchange.expects_continue && self.input.peek().is_empty() {
            self.output.send_continue()?;
        }
        if !self.guard.enter(Phase::Body) {
            return Err(BodyError::Gone);
        }
        body::read(&mut self.input, exchange.framing, limit, self.state.timeouts.body, sink)?;
        exchange.body_read = true;
        if self.guard.enter(Phase::Busy) { Ok(()) } else { Err(BodyError::Gone) }
    }

    fn conclude(&mut self, exchange: Exchange, outcome: RequestEnd) -> Next {
        let response = match outcome {
            RequestEnd::Answer(response) => response,
            RequestEnd::Failed(failure) => {
                if failure.status >= 500 {
                    log_cause(&failure, &exchange.request);
                }
                failure.into_response()
            }
            RequestEnd::Gone => {
                self.log(&exchange, 400, None);
                return Next::Close;
            }
            RequestEnd::Socket(run) => {
                self.log(&exchange, 101, None);
                return Next::Socket(run);
            }
        };
        self.answered += 1;
        let unframed = response.ends_with_connection(exchange.request.version);
        let goes_on = exchange.keep_alive
            && !unframed
            && exchange.body_read
            && self.answered < REQUESTS_PER_CONNECTION
            && !self.state.stopping();
        let persistence = match (goes_on, exchange.request.version) {
            (false, _) if unframed => Persistence::Unframed,
            (false, _) => Persistence::Close,
            (true, 0) => Persistence::Explicit,
            (true, _) => Persistence::Implied,
        };
        // Before the answer, so that a client that has the answer finds the line.
        self.log(&exchange, response.status(), response.user());
        let bodiless = exchange.request.method == Method::Head;
        match self.output.send(&response, &exchange.request.id, persistence, bodiless) {
            Err(_) => Next::Close,
            Ok(()) if goes_on => Next::Request,
            Ok(()) => Next::Linger,
        }
    }

    /// Answers what cannot be understood. Where the next request would begin is unknown, so the connection closes.
    fn refuse(&mut self, failure: Failure) -> Next {
        if !self.guard.enter(Phase::Busy) {
            return Next::Close;
        }
        self.state.metrics.none.observe(failure.status, Duration::ZERO);
        let id = self.ids.next();
        let ip = self.peer.ip().to_canonical();
        Line { method: "-", path: "-", status: failure.status, took: self.began.elapsed(), ip, user: None, id: &id }
            .log();
        match self.output.send(&failure.into_response(), &id, Persistence::Close, false) {
            Ok(()) => Next::Linger,
            Err(_) => Next::Close,
        }
    }

    fn log(&self, exchange: &Exchange, status: u16, user: Option<&UserId>) {
        exchange.metrics.observe(status, exchange.whole.elapsed());
        Line {
            method: exchange.request.method.as_str(),
            path: &exchange.request.shown_path,
            status,
            took: self.began.elapsed(),
            ip: exchange.request.client_ip,
            user: user.or(exchange.user.as_ref()),
            id: &exchange.request.id,
        }
        .log();
    }

    /// Lets go of the socket; gives what was read beyond the last request.
    fn finish(self) -> Vec<u8> {
        self.input.into_leftover()
    }
}

/// A length that is too large is known before anything is done for it.
fn check_length(exchange: &Exchange, limit: usize) -> Result<(), Failure> {
    match exchange.framing {
        Framing::Length(length) if length > limit as u64 => Err(Failure::body_too_large(limit)),
        _ => Ok(()),
    }
}

fn log_cause(failure: &Failure, request: &Request) {
    let (method, path) = (request.method.as_str(), Shown(&request.shown_path));
    log::error!(target: "http", "{method} {path} {} req={}: {}", failure.status, request.id, failure.error.with_cause());
}

/// RFC 9112 section 9.6: ends our side, then reads for a moment what the client still sends, since closing a socket
/// with unread bytes may destroy the answer on its way.
fn linger(mut stream: &TcpStream, guard: &ConnectionGuard, limit: Duration) {
    let until = Instant::now() + limit;
    if stream.shutdown(Shutdown::Write).is_err() || !guard.enter(Phase::Idle) {
        return;
    }
    let mut waste = [0; 8 * 1024];
    let mut read = 0;
    while read < LINGER_BYTES {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut waste) {
            Ok(bytes @ 1..) => read += bytes,
            Ok(0) | Err(_) => return,
        }
    }
}

fn hand_over(stream: Arc<TcpStream>, guard: &ConnectionGuard, run: RunSocket, leftover: Vec<u8>) {
    if !guard.hand_over() {
        return;
    }
    // This is the last reference; only while the accept loop has not yet let go, a second descriptor is needed.
    let stream = Arc::try_unwrap(stream).or_else(|shared| shared.try_clone());
    let Ok(stream) = stream else { return };
    if stream.set_read_timeout(None).is_err() || stream.set_write_timeout(None).is_err() {
        return;
    }
    if catch_unwind(AssertUnwindSafe(|| run(stream, leftover))).is_err() {
        log::error!(target: "http", "a WebSocket ended in a panic");
    }
}
