//! Progress and pace of a long job: how far it is, whether to stop, and when to pause for others.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::worker::Stop;
use crate::domain::{Code, Error, Result};

/// Bytes between two looks at whether to go on.
const BURST_BYTES: u64 = 1024 * 1024;
/// The longest pause after a burst, so that a slow disk does not make the job endless.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes: a person waits for it.
    Full,
    /// Pauses as long as it works: people chat meanwhile.
    Gentle,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, such as `compressing`.
    pub step: &'static str,
    /// Bytes, out of about so many. 0 of 0: it is not counted.
    pub done: u64,
    pub total: u64,
}

pub struct Meter<'a> {
    tell: Box<dyn FnMut(Progress) + 'a>,
    stop: Stop,
    pace: Pace,
    progress: Progress,
    burst: u64,
    burst_began: Instant,
}

impl<'a> Meter<'a> {
    pub fn new(stop: Stop, pace: Pace, tell: impl FnMut(Progress) + 'a) -> Self {
        let progress = Progress { step: "", done: 0, total: 0 };
        Self { tell: Box::new(tell), stop, pace, progress, burst: 0, burst_began: Instant::now() }
    }

    /// Reports nothing and never stops.
    pub fn silent() -> Self {
        Self::new(Stop::default(), Pace::Full, |_| {})
    }

    pub fn begin(&mut self, step: &'static str, total: u64) {
        self.progress = Progress { step, done: 0, total };
        (self.tell)(self.progress);
        self.burst = 0;
        self.burst_began = Instant::now();
    }

    /// So many bytes more are done. Errors: `Conflict` when it is to stop.
    pub fn advance(&mut self, bytes: u64) -> Result<()> {
        self.progress.done += bytes;
        self.burst += bytes;
        if self.burst < BURST_BYTES {
            return Ok(());
        }
        (self.tell)(self.progress);
        if self.pace == Pace::Gentle {
            sleep(self.burst_began.elapsed().min(LONGEST_PAUSE));
        }
        self.burst = 0;
        self.burst_began = Instant::now();
        self.check()
    }

    /// Errors: `Conflict` when it is to stop.
    pub fn check(&self) -> Result<()> {
        if self.stop.is_set() { Err(stopped()) } else { Ok(()) }
    }

    /// The same inside a reader or writer.
    pub fn advance_io(&mut self, bytes: u64) -> io::Result<()> {
        self.advance(bytes).map_err(io::Error::other)
    }

    /// For work that is no stream of bytes: asked now and then, it pauses, and says whether to stop.
    pub(super) fn interruption(&self) -> crate::store::inspect::Interruption {
        let (stop, pace) = (self.stop.clone(), self.pace);
        let mut began = Instant::now();
        Box::new(move || {
            if pace == Pace::Gentle && began.elapsed() > LONGEST_PAUSE / 4 {
                sleep(began.elapsed().min(LONGEST_PAUSE));
                began = Instant::now();
            }
            stop.is_set()
        })
    }
}

pub(super) fn stopped() -> Error {
    Error::conflict(Code::STOPPED, "stopped before the end; nothing was left behind")
}

/// What an `advance_io` in the middle of a stream said, or else what `other` makes of the failure.
pub(super) fn or_stopped(cause: io::Error, other: impl FnOnce(io::Error) -> Error) -> Error {
    let is_stop =
        cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some_and(|e| e.code == Code::STOPPED);
    if is_stop { stopped() } else { other(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reports_and_stops() {
        let (stop, mut told) = (Stop::default(), Vec::new());
        let mut meter = Meter::new(stop.clone(), Pace::Full, |progress| told.push((progress.step, progress.done)));
        meter.begin("copying", 10);
        meter.advance(5).unwrap();
        meter.advance(BURST_BYTES).unwrap();
        stop.set();
        meter.advance(1).unwrap();
        let error = meter.advance_io(BURST_BYTES).unwrap_err();
        assert_eq!(or_stopped(error, Error::internal).code, "stopped");
        assert_eq!(or_stopped(io::ErrorKind::NotFound.into(), Error::internal).code, "internal");
        drop(meter);
        assert_eq!(told, [("copying", 0), ("copying", BURST_BYTES + 5), ("copying", 2 * BURST_BYTES + 6)]);
    }
}
