//! How the HTTP client opens connections: as it always does, except that one can be opened ahead of its request, and
//! that a read can be hurried.
//!
//! The client opens connections only while it sends a request. So ahead of one a request is begun that ends when its
//! connection is open: before a byte of it was sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::unversioned::transport::time::Duration as Patience;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Error};

use crate::net;

/// What is known of one connection beside its client.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The next connection is opened ahead.
    is_ahead: AtomicBool,
    ahead: Mutex<Option<Wire>>,
    most_ms: Arc<AtomicU64>,
}

impl Line {
    /// Opens the connection that the agent's next request takes. False where that does not work: why, that request will
    /// find out.
    pub(super) fn open_ahead(&self, agent: &Agent, url: &str) -> bool {
        self.is_ahead.store(true, Ordering::SeqCst);
        let _ = agent.head(url).call(); // always an error: nothing is sent
        self.is_ahead.store(false, Ordering::SeqCst);
        self.ahead().is_some()
    }

    pub(super) fn hurry(&self, most: Option<Duration>) {
        let ms = most.map_or(0, |most| u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
        self.most_ms.store(ms, Ordering::SeqCst);
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Wire>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Opener {
    inner: Arc<net::Opener>,
    line: Arc<Line>,
}

impl Opener {
    pub(super) fn new(inner: Arc<net::Opener>, line: Arc<Line>) -> Self {
        Self { inner, line }
    }
}

impl Connector for Opener {
    type Out = Wire;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Wire>, Error> {
        // The connection to a proxy is opened by a second call inside the first, which alone is ahead.
        let is_ahead = self.line.is_ahead.swap(false, Ordering::SeqCst);
        if let Some(wire) = self.line.ahead().take() {
            return Ok(Some(wire));
        }
        let Some(inner) = self.inner.connect(details, chained)? else { return Ok(None) };
        let wire = Wire { inner, most_ms: self.line.most_ms.clone() };
        if is_ahead {
            *self.line.ahead() = Some(wire);
            return Err(Error::ConnectionFailed);
        }
        Ok(Some(wire))
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Wire {
    inner: Box<dyn Transport>,
    /// The longest that one read may take now, in milliseconds; 0: as long as usual.
    most_ms: Arc<AtomicU64>,
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, Error> {
        let most = self.most_ms.load(Ordering::SeqCst);
        if most > 0 {
            timeout.after = timeout.after.min(Patience::from_millis(most));
        }
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
