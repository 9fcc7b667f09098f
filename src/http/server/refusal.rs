//! Answering 503 to a connection for which there is no room, from the accept loop, which must never wait.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::wire::date::Date;
use crate::http::wire::failure::Failure;
use crate::http::wire::ids::Ids;
use crate::http::wire::response::Persistence;
use crate::telemetry::metrics::catalog::HTTP_REFUSED;

/// A refused socket is kept for a moment, since closing one with unread bytes resets it before the answer is read.
const KEPT: usize = 16;
const KEPT_FOR: Duration = Duration::from_secs(1);
/// At most one line in the log for so long.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Refusals {
    kept: VecDeque<(Instant, Arc<TcpStream>)>,
    logged: Option<Instant>,
    unlogged: usize,
}

impl Refusals {
    /// Answers 503 and keeps the socket until its client had time to read that.
    pub(crate) fn refuse(&mut self, stream: Arc<TcpStream>, cap: usize) {
        self.say(cap);
        answer(&stream);
        if self.kept.len() == KEPT {
            self.drop_first();
        }
        self.kept.push_back((Instant::now(), stream));
    }

    /// Answers 503 and closes: there is no descriptor to keep it with.
    pub(crate) fn refuse_now(&mut self, stream: TcpStream) {
        self.say(0);
        answer(&stream);
        drain(&stream);
    }

    /// Closes those that had their time.
    pub(crate) fn sweep(&mut self) {
        while self.kept.front().is_some_and(|(since, _)| since.elapsed() > KEPT_FOR) {
            self.drop_first();
        }
    }

    pub(crate) fn clear(&mut self) {
        while !self.kept.is_empty() {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, stream)) = self.kept.pop_front() {
            drain(&stream);
        }
    }

    fn say(&mut self, cap: usize) {
        HTTP_REFUSED.inc();
        self.unlogged += 1;
        if self.logged.is_none_or(|logged| logged.elapsed() > LOG_EVERY) {
            let why = if cap == 0 { "no descriptors are left".to_owned() } else { format!("all {cap} are at work") };
            log::warn!(target: "http", "connections refused with 503: {} ({why})", self.unlogged);
            (self.logged, self.unlogged) = (Some(Instant::now()), 0);
        }
    }
}

/// The socket's buffer is empty, so the answer fits and nothing waits; where not, the client gets no answer.
fn answer(stream: &TcpStream) {
    let mut bytes = Vec::new();
    let response = Failure::full().into_response();
    response.write_head(&mut bytes, &Ids::new().next(), Persistence::Close, &Date::now());
    bytes.extend_from_slice(response.body());
    let _ = stream.set_nonblocking(true).and_then(|()| (&*stream).write(&bytes));
    let _ = stream.shutdown(Shutdown::Write);
}

/// Throws away what has come, without waiting.
fn drain(mut stream: &TcpStream) {
    let mut waste = [0; 4096];
    for _ in 0..8 {
        if !matches!(stream.read(&mut waste), Ok(1..)) {
            return;
        }
    }
}
