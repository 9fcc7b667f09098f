//! Sends alerts over one channel: a bounded queue, and a thread that delivers what is in it and retries.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Alert;
use crate::domain::{Error, Result};
use crate::ops::worker::Stop;
use crate::telemetry::metrics::catalog::ALERTS_SENT;

/// Alerts that may wait; beyond that the oldest are dropped.
const WAITING: usize = 32;
/// Waits before the second and later attempts; after the last the alert is given up.
const BACK_OFF: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// How long a stop waits for what is on its way: a command gets 2 s then.
const STOP_PATIENCE: Duration = Duration::from_millis(2500);
const STACK_BYTES: usize = 256 * 1024;

type Deliver = Box<dyn Fn(&Alert, &Stop) -> Result<(), String> + Send>;

/// How one of them is delivered. Its error is a sentence without secrets.
pub(super) struct Channel {
    pub(super) name: &'static str,
    pub(super) deliver: Deliver,
}

pub(super) struct AlertSender {
    shared: Arc<AlertQueue>,
}

#[derive(Default)]
struct Waiting {
    alerts: VecDeque<Alert>,
    /// The thread is done.
    ended: bool,
}

struct AlertQueue {
    name: &'static str,
    queue: Mutex<Waiting>,
    changed: Condvar,
    stop: Stop,
}

impl AlertSender {
    /// Errors: `Internal` without a thread.
    pub(super) fn start(channel: Channel) -> Result<Self> {
        let shared = Arc::new(AlertQueue {
            name: channel.name,
            queue: Mutex::default(),
            changed: Condvar::new(),
            stop: Stop::default(),
        });
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name(format!("alert-{}", channel.name))
            .stack_size(STACK_BYTES)
            .spawn(move || theirs.run(&channel.deliver))
            .map_err(Error::internal)?;
        Ok(Self { shared })
    }

    pub(super) fn push(&self, alert: Alert) {
        let queue = &mut self.shared.lock().alerts;
        if queue.len() == WAITING {
            queue.pop_front();
            log::warn!(target: "alerts", "too many alerts are waiting for the {}: the oldest was dropped", self.shared.name);
        }
        queue.push_back(alert);
        self.shared.changed.notify_all();
    }
}

impl Drop for AlertSender {
    fn drop(&mut self) {
        self.shared.stop.set();
        // Under the lock, so that the thread cannot check the flag just before it is set and sleep just after.
        let waiting = self.shared.lock();
        self.shared.changed.notify_all();
        // A webhook that hangs does not keep the server from ending.
        drop(self.shared.changed.wait_timeout_while(waiting, STOP_PATIENCE, |waiting| !waiting.ended));
    }
}

impl AlertQueue {
    fn run(&self, deliver: &Deliver) {
        while let Some(alert) = self.next() {
            self.deliver(&alert, deliver);
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Alert> {
        let idle = |queue: &mut Waiting| queue.alerts.is_empty() && !self.stop.is_set();
        let mut queue = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        // What still waits at a stop fires again after it, if it still holds.
        if self.stop.is_set() { None } else { queue.alerts.pop_front() }
    }

    fn deliver(&self, alert: &Alert, deliver: &Deliver) {
        let mut waits = BACK_OFF.iter();
        while let Err(why) = deliver(alert, &self.stop) {
            ALERTS_SENT.inc(if self.name == "webhook" { "webhook_failed" } else { "command_failed" });
            let wait = waits.next().filter(|_| !self.stop.is_set());
            let then = wait.map_or("given up".to_owned(), |wait| format!("trying again in {} s", wait.as_secs()));
            log::warn!(target: "alerts", "the {} did not accept {}: {why}; {then}", self.name, alert.alert);
            let Some(wait) = wait else { return };
            self.rest(*wait);
        }
        ALERTS_SENT.inc(if self.name == "webhook" { "webhook_ok" } else { "command_ok" });
    }

    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut queue = self.lock();
        while !self.stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
