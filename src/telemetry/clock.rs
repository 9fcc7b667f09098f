//! One record, one time: the loggers behind this one write it, so that the line on stdout is the line in the file.

use std::cell::Cell;

use log::{Log, Metadata, Record};

use crate::domain::clock::now_ms;

thread_local! {
    /// Of the record that this thread is logging; 0 before its first.
    static RECORD_MS: Cell<i64> = const { Cell::new(0) };
}

/// When the record that is being logged was made, in milliseconds since 1970.
pub(super) fn record_ms() -> i64 {
    match RECORD_MS.try_with(Cell::get) {
        Ok(ms) if ms > 0 => ms,
        _ => now_ms(),
    }
}

/// The first of the loggers that simplelog hands a record to: it looks at the clock, and writes nothing.
pub(super) struct ClockLogger;

impl Log for ClockLogger {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _record: &Record<'_>) {
        let _ = RECORD_MS.try_with(|ms| ms.set(now_ms()));
    }

    fn flush(&self) {}
}
