//! The logger behind stdout: a bounded queue and a thread that prints it.
//!
//! The reader of our stdout may stop reading: a paused terminal, a stuck log collector. That must not stop the server,
//! so the threads that log only put their line into the queue; what does not fit is counted, and the count is printed
//! once there is room. A reader that is gone is no reason to stop either.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::clock::record_ms;
use super::line::{Style, with_line};
use super::metrics::catalog::LOG_LINES_DROPPED;
use super::wanted;
use crate::domain::clock::now_ms;
use crate::domain::{Error, Result};

/// What may wait for a reader, in bytes.
const QUEUE_BYTES: usize = 256 * 1024;
/// What the two buffers keep when there is little to say, in bytes.
const KEPT_BYTES: usize = 16 * 1024;
/// Above this a batch counts as a rush, and the printer rests so that the next one is worth its system call.
const RUSH_BYTES: usize = 4 * 1024;
const REST: Duration = Duration::from_millis(2);
/// How long the end of the process waits for a reader.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);
const STACK_BYTES: usize = 128 * 1024;

pub(super) struct StdoutLogger {
    level: LevelFilter,
    style: Style,
    shared: Arc<Backlog>,
}

#[derive(Default)]
struct Backlog {
    queue: Mutex<Queue>,
    filled: Condvar,
    printed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines that found no room since the last batch.
    dropped: u64,
    /// A batch is on its way out.
    printing: bool,
}

impl StdoutLogger {
    /// Errors: `Unavailable` when no thread can be had.
    pub(super) fn start(level: LevelFilter) -> Result<Self> {
        let style = if is_journal() { Style::Journal } else { Style::Full };
        let shared = Arc::new(Backlog::default());
        let printer = Arc::clone(&shared);
        thread::Builder::new()
            .name("log-stdout".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || printer.print_forever(style))
            .map_err(|cause| Error::unavailable("no_thread", "Cannot start a thread for the log").source(cause))?;
        Ok(Self { level, style, shared })
    }
}

impl Log for StdoutLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if wanted(record, self.level) {
            with_line(record, self.style, record_ms(), |line| self.shared.push(line));
        }
    }

    fn flush(&self) {
        let queue = self.shared.lock();
        let busy = |queue: &mut Queue| queue.printing || !queue.lines.is_empty();
        drop(self.shared.printed.wait_timeout_while(queue, FLUSH_PATIENCE, busy));
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.lines.len() + line.len() > QUEUE_BYTES {
            queue.dropped += 1;
            LOG_LINES_DROPPED.inc("stdout");
            return;
        }
        let wake = queue.lines.is_empty() && !queue.printing;
        queue.lines.extend_from_slice(line);
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    fn print_forever(&self, style: Style) {
        let mut batch = Vec::new();
        loop {
            self.next_batch(&mut batch, style);
            print(&batch);
            if batch.len() > RUSH_BYTES {
                thread::sleep(REST);
            }
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
        }
    }

    /// Waits for lines and takes them all.
    fn next_batch(&self, batch: &mut Vec<u8>, style: Style) {
        let mut queue = self.lock();
        queue.printing = false;
        self.printed.notify_all();
        let empty = |queue: &mut Queue| queue.lines.is_empty() && queue.dropped == 0;
        queue = self.filled.wait_while(queue, empty).unwrap_or_else(PoisonError::into_inner);
        queue.printing = true;
        std::mem::swap(&mut queue.lines, batch);
        let dropped = std::mem::take(&mut queue.dropped);
        drop(queue);
        if dropped > 0 {
            let text = format_args!("{dropped} lines were dropped: stdout was not read");
            let record = Record::builder().level(Level::Warn).target("log").args(text).build();
            with_line(&record, style, now_ms(), |line| batch.extend_from_slice(line));
        }
    }
}

/// Writes it all, or what the reader takes: a reader that is gone, or a full disk behind stdout, ends it silently.
fn print(mut bytes: &[u8]) {
    let stdout = io::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(stdout.as_fd(), bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Another process that shares this stdout made it non-blocking.
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stdout.as_fd(), PollFlags::OUT)], None)),
            Err(_) => return,
        }
    }
}

/// Whether stdout leads to journald: systemd.exec(5), `$JOURNAL_STREAM` names its device and inode.
fn is_journal() -> bool {
    let Ok(told) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stdout()).is_ok_and(|found| told == format!("{}:{}", found.st_dev, found.st_ino))
}
