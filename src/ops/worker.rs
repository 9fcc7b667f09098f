//! A thread that does one job periodically until it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant};

use crate::domain::{Error, Result};

/// Whether to stop: a job that takes long checks it now and then.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Stops when this flag is set.
    pub fn when(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// For a signal handler, which can only set a flag.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// For the thread of a worker: waits, and says whether to go on. A stop ends the wait.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            park_timeout(left);
        }
        false
    }
}

/// A running worker. Dropping it stops it and waits for the job that runs.
pub struct Worker {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Runs `job` after every `period`, on a thread with a stack of so many bytes.
    ///
    /// Errors: `Internal` without a thread.
    pub(super) fn start(
        name: &str,
        stack_bytes: usize,
        period: Duration,
        mut job: impl FnMut(&Stop) + Send + 'static,
    ) -> Result<Self> {
        let stop = Stop::default();
        let seen = stop.clone();
        let run = move || {
            while seen.wait(period) {
                job(&seen);
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes);
        Ok(Self { stop, thread: Some(thread.spawn(run).map_err(Error::internal)?) })
    }

    /// Asks it to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.stop.set();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was logged when it happened
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_repeats_its_job_and_stops_at_once() {
        let (done, runs) = channel();
        let worker = Worker::start("test", 128 * 1024, Duration::from_millis(1), move |_| {
            let _ = done.send(());
        })
        .unwrap();
        for _ in 0..3 {
            runs.recv().unwrap();
        }
        drop(worker);
        while runs.try_recv().is_ok() {}
        assert!(runs.recv().is_err(), "the job is gone with its thread");
        let began = Instant::now();
        drop(Worker::start("test", 128 * 1024, Duration::from_secs(3600), |_| {}).unwrap());
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_stop_ends_the_wait_of_a_job() {
        let (begun, has_begun) = channel();
        let worker = Worker::start("test", 128 * 1024, Duration::from_millis(1), move |stop| {
            let _ = begun.send(());
            assert!(!stop.wait(Duration::from_secs(3600)));
        })
        .unwrap();
        has_begun.recv().unwrap();
        drop(worker);
    }
}
