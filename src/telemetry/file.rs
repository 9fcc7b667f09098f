//! The logger behind the file: a lock around the rotation, and what it says when the file cannot be written.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::clock::record_ms;
use super::line::{Style, with_line};
use super::metrics::catalog::log_file_works;
use super::rotate::{RotatingFile, Rotation};
use super::wanted;

/// A file that comes and goes is mentioned on stderr at most this often, in milliseconds.
const MENTION_EVERY_MS: i64 = 60_000;

pub struct FileLogger {
    level: LevelFilter,
    path: PathBuf,
    state: Mutex<LogFile>,
    /// Whether health checks and metrics show its failures.
    is_watched: bool,
}

struct LogFile {
    file: RotatingFile,
    /// Lines that the file did not take since it last worked.
    missing: u64,
    mentioned_ms: Option<i64>,
}

impl FileLogger {
    /// Never fails: the file is opened with the first line, and again with every line until it works.
    pub fn new(level: LevelFilter, rotation: Rotation) -> Self {
        let path = rotation.path.clone();
        let state = LogFile { file: RotatingFile::new(rotation), missing: 0, mentioned_ms: None };
        Self { level, path, state: Mutex::new(state), is_watched: true }
    }

    /// The same for a file beside the log, which health checks and metrics do not show.
    pub(super) fn unwatched(level: LevelFilter, rotation: Rotation) -> Self {
        Self { is_watched: false, ..Self::new(level, rotation) }
    }

    fn note(&self, works: bool) {
        if self.is_watched {
            log_file_works(works);
        }
    }

    fn write(&self, line: &[u8], now: i64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.missing > 0 && !self.report_gap(&mut state, now) {
            state.missing += 1;
            self.note(false);
            return;
        }
        let written = state.file.write_line(line, now);
        self.note(written.is_ok());
        if let Err(error) = written {
            state.missing += 1;
            self.mention(&mut state, now, &error);
        }
    }

    /// The file's first line after a failure says how many are missing. Whether it was written.
    fn report_gap(&self, state: &mut LogFile, now: i64) -> bool {
        let text = format_args!("{} lines are missing here: the file could not be written", state.missing);
        let gap = Record::builder().level(Level::Warn).target("log").args(text).build();
        let written = with_line(&gap, Style::Full, now, |line| state.file.write_line(line, now).is_ok());
        if written {
            state.missing = 0;
        }
        written
    }

    fn mention(&self, state: &mut LogFile, now: i64, error: &io::Error) {
        if state.mentioned_ms.is_some_and(|last| (0..MENTION_EVERY_MS).contains(&(now - last))) {
            return;
        }
        state.mentioned_ms = Some(now);
        let text = format_args!("cannot write {}: {error}; the server goes on without this file", self.path.display());
        let record = Record::builder().level(Level::Error).target("log").args(text).build();
        with_line(&record, Style::Full, now, |line| {
            let _ = io::stderr().write_all(line); // where that fails too, there is nothing left to try
        });
    }
}

impl Log for FileLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if wanted(record, self.level) {
            let now = record_ms();
            with_line(record, Style::Full, now, |line| self.write(line, now));
        }
    }

    fn flush(&self) {} // a line is written when `log` returns
}
