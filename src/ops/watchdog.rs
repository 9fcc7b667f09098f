//! Watchdog pings for the service manager: sent only while both databases answer, for reading and for writing.
//!
//! The thread that queries them is the one that sends. If a disk hangs, and with it the query, nothing is sent any more,
//! and the manager restarts us.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::domain::{Error, Result};
use crate::service::Services;

const STACK_BYTES: usize = 256 * 1024;

/// It ends when this is dropped. Its thread is not joined, because it may hang with a database.
pub struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Queries at once and then periodically, and calls `notify` after each answer.
    ///
    /// Errors: `Internal` without a thread.
    pub fn start(services: Arc<Services>, every: Duration, notify: impl Fn() + Send + 'static) -> Result<Self> {
        let (stop, stopped) = channel();
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&services, &stopped, every, &notify))
            .map_err(Error::internal)?;
        Ok(Self { _stop: stop })
    }
}

fn run(services: &Services, stopped: &Receiver<()>, every: Duration, notify: &dyn Fn()) {
    let mut failing = false;
    loop {
        let answer = services.databases_answer();
        match &answer {
            Ok(()) => notify(),
            Err(error) if !failing => {
                log::error!(target: "watchdog", "the watchdog of the service manager is not notified: {}", error.with_cause());
            }
            Err(_) => {}
        }
        failing = answer.is_err();
        if !matches!(stopped.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}
