//! Signs of life for the service manager: given only while both databases answer, for reading and for writing.
//!
//! The thread that asks is the one that tells. If a disk hangs and with it the question, nothing is told any more, and
//! the manager does what it was told to do: it starts us again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::domain::{Error, Result};
use crate::service::Services;

const STACK_BYTES: usize = 256 * 1024;

/// It ends when this is dropped. Nobody waits for its thread, because that may hang with a database.
pub struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Asks at once and then every so often, and calls `tell` after each answer.
    ///
    /// Errors: `Internal` without a thread.
    pub fn start(services: Arc<Services>, every: Duration, tell: impl Fn() + Send + 'static) -> Result<Self> {
        let (stop, stopped) = channel();
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&services, &stopped, every, &tell))
            .map_err(Error::internal)?;
        Ok(Self { _stop: stop })
    }
}

fn run(services: &Services, stopped: &Receiver<()>, every: Duration, tell: &dyn Fn()) {
    let mut failing = false;
    loop {
        let answer = services.databases_answer();
        match &answer {
            Ok(()) => tell(),
            Err(error) if !failing => {
                log::error!(target: "watchdog", "no sign of life for the service manager: {}", error.with_cause());
            }
            Err(_) => {}
        }
        failing = answer.is_err();
        if !matches!(stopped.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}
