//! Connections to one provider, kept open from one request to the next: a TLS handshake costs two or three journeys to
//! the other side of the world, and stands before the first word.
//!
//! Each connection has a client ([`Agent`]) of its own, so that closing one never touches another. Between requests it
//! waits here, and the next request takes the one that was used last. One can be opened ahead, while a question is still
//! being stored.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::header::CONNECTION;
use ureq::http::response::Parts;
use ureq::http::{HeaderValue, Response, Version};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Body};

use super::connector::{Line, Opener};
use super::fault::Fault;
use super::{Cancel, Timeouts, transport};
use crate::net;

/// Connections that wait for the next request; each holds some 60 KB.
const IDLE_CONNECTIONS: usize = 8;
/// After so long without a request a connection is closed: shorter than what routers on the way usually remember.
const IDLE_AGE: Duration = Duration::from_secs(90);
/// Connections that are opened ahead at the same time.
const OPENING: usize = 4;
const STACK_BYTES: usize = 512 * 1024;
/// What may follow behind an answer that is whole, in bytes and time; behind most comes the end of the body at once.
const REST_BYTES: usize = 64 * 1024;
const REST_PATIENCE: Duration = Duration::from_millis(300);

pub(super) struct Connections {
    config: Config,
    url: String,
    timeouts: Timeouts,
    /// One for all, so that the certificates of all authorities are held once, and TLS sessions are resumed.
    connector: Arc<net::Opener>,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    /// The one that was used last stands last.
    idle: Vec<Connection>,
    /// How many are being opened ahead, and how many requests wait for one of these.
    opening: usize,
    awaited: usize,
}

/// A connection, or the place for one that its first request opens.
struct Connection {
    agent: Agent,
    line: Arc<Line>,
    /// It was open before this request: the other side may have closed it in between.
    may_be_stale: bool,
    since: Instant,
}

impl Connections {
    pub(super) fn new(timeouts: Timeouts, url: &str) -> Arc<Self> {
        Arc::new(Self {
            config: transport::config(&timeouts, url, IDLE_AGE),
            url: url.to_owned(),
            timeouts,
            connector: Arc::default(),
            state: Mutex::default(),
            opened: Condvar::new(),
        })
    }

    /// The connection that was used last, or a place for a new one.
    fn take(&self) -> Connection {
        let mut state = self.lock();
        state.purge();
        if state.idle.is_empty() && state.opening > state.awaited {
            state.awaited += 1;
            let is_opening = |state: &mut State| state.idle.is_empty() && state.opening > 0;
            let waited = self.opened.wait_timeout_while(state, self.timeouts.connect, is_opening);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.awaited -= 1;
        }
        let idle = state.idle.pop();
        drop(state);
        idle.map_or_else(|| self.fresh(), |idle| Connection { may_be_stale: true, ..idle })
    }

    /// A place for a new connection.
    fn fresh(&self) -> Connection {
        let line = Arc::new(Line::default());
        let opener = Opener::new(self.connector.clone(), line.clone());
        let agent = Agent::with_parts(self.config.clone(), opener, DefaultResolver::default());
        Connection { agent, line, may_be_stale: false, since: Instant::now() }
    }

    /// Keeps a connection whose answer was read to its end for the next request.
    fn keep(&self, connection: Connection) {
        let mut state = self.lock();
        state.idle.push(Connection { since: Instant::now(), ..connection });
        state.purge();
        self.opened.notify_one();
    }

    /// Opens a connection, unless one waits or enough are being opened; does not wait for it.
    pub(super) fn prepare(self: &Arc<Self>) {
        let mut state = self.lock();
        state.purge();
        if !state.idle.is_empty() || state.opening >= OPENING {
            return;
        }
        state.opening += 1;
        drop(state);
        let connections = self.clone();
        let builder = std::thread::Builder::new().name("llm-connect".to_owned()).stack_size(STACK_BYTES);
        if builder.spawn(move || connections.open()).is_err() {
            self.lock().opening -= 1; // the request opens it
        }
    }

    fn open(&self) {
        let connection = self.fresh();
        let is_open = connection.line.open_ahead(&connection.agent, &self.url);
        self.lock().opening -= 1;
        if is_open {
            self.keep(connection);
        }
        self.opened.notify_all();
    }

    /// One request and its answer, on a connection that stays open where both sides want it. A request that finds its
    /// connection closed meanwhile is sent once more on a new one: nothing of it was answered.
    ///
    /// `read` may leave in the body what follows behind the answer. Errors: those of both; `cancelled`.
    pub(super) fn exchange<T>(
        &self,
        cancel: &Cancel,
        mut send: impl FnMut(&Agent) -> Result<Response<Body>, Fault>,
        read: impl FnOnce(&Parts, &mut dyn Read) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connection = self.take();
        let (held, response) = loop {
            // One that is being opened is not interrupted: its timeout (`Timeouts::connect`) bounds it.
            let closing = connection.agent.clone();
            let held = cancel.hold(move || closing.shutdown()).ok_or_else(Fault::cancelled)?;
            match send(&connection.agent) {
                Err(fault) if connection.may_be_stale && fault.broke_off => connection = self.fresh(),
                other => break (held, other?),
            }
        };
        let (head, body) = response.into_parts();
        let mut body = body.into_reader();
        let outcome = read(&head, &mut body);
        let is_answer = outcome.is_ok() || head.status != 200;
        let is_good = is_answer && stays_open(&head) && !cancel.is_cancelled() && connection.read_rest(&mut body);
        drop((body, held));
        // From here on a cancel closes it no longer; one that came before has.
        if is_good && !cancel.is_cancelled() {
            self.keep(connection);
        }
        outcome
    }

    /// Closes what has waited for too long.
    pub(super) fn close_old(&self) {
        self.lock().purge();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn purge(&mut self) {
        self.idle.retain(|connection| connection.since.elapsed() < IDLE_AGE);
        let surplus = self.idle.len().saturating_sub(IDLE_CONNECTIONS);
        self.idle.drain(..surplus);
    }
}

impl Connection {
    /// Reads what follows behind an answer. False: that has no end within reason, and the connection is of no more use.
    fn read_rest(&self, body: &mut impl Read) -> bool {
        let until = Instant::now() + REST_PATIENCE;
        let (mut piece, mut left) = ([0; 4096], REST_BYTES);
        self.line.hurry(Some(REST_PATIENCE));
        let is_over = loop {
            match body.read(&mut piece) {
                Ok(0) => break true,
                Ok(count) if count < left && Instant::now() < until => left -= count,
                _ => break false,
            }
        };
        self.line.hurry(None);
        is_over
    }
}

fn stays_open(head: &Parts) -> bool {
    let says_close = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("close"));
    head.version == Version::HTTP_11 && !head.headers.get_all(CONNECTION).iter().any(says_close)
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("idle", &self.lock().idle.len()).finish_non_exhaustive()
    }
}
