//! What the server says about itself: log lines, on stdout and in a file that we rotate ourselves.
//!
//! Everybody logs through the `log` facade, `log::info!(target: "http", …)`; simplelog hands each record to the
//! loggers of this room. One record is one line, and never holds what people wrote, nor a secret.

mod clock;
mod command;
mod file;
mod line;
mod panic;
mod rotate;
mod stdout;
pub mod timestamp;

use std::path::PathBuf;

use log::LevelFilter;
use simplelog::{CombinedLogger, SharedLogger};

use crate::domain::{Error, Result};

pub use file::FileLogger;
pub use line::LINE_BYTES;
pub use rotate::{RotatingFile, Rotation};

#[derive(Debug, Clone)]
pub struct LogOptions {
    pub level: LevelFilter,
    /// The file that is written now; its predecessors stand beside it as `.1` to `.6`.
    pub file: Option<PathBuf>,
    pub stdout: bool,
}

/// Held by whoever called [`init`] until the end: what waits for stdout is printed when it goes.
#[derive(Debug)]
pub struct LogGuard(());

impl Drop for LogGuard {
    fn drop(&mut self) {
        log::logger().flush();
    }
}

/// Starts logging for a server. A file that cannot be written is no reason to stay down: that is said once on
/// stderr, and tried again with every line.
///
/// Errors: `Conflict` when logging was started before; `Unavailable` without a thread for stdout.
pub fn init(options: LogOptions) -> Result<LogGuard> {
    let mut loggers: Vec<Box<dyn SharedLogger>> = vec![Box::new(clock::ClockLogger)];
    if options.stdout {
        loggers.push(stdout::StdoutLogger::start(options.level)?);
    }
    if let Some(path) = options.file {
        loggers.push(Box::new(FileLogger::new(options.level, Rotation::standard(path))));
    }
    start(loggers)?;
    panic::log_panics();
    Ok(LogGuard(()))
}

/// Starts logging for a command: its warnings go to stderr, for the person who typed it, and nothing to a file,
/// because the file belongs to the server that may be running.
///
/// Errors: `Conflict` when logging was started before.
pub fn init_command() -> Result<()> {
    start(vec![Box::new(command::CommandLogger)])
}

fn start(loggers: Vec<Box<dyn SharedLogger>>) -> Result<()> {
    CombinedLogger::init(loggers)
        .map_err(|cause| Error::conflict("logging_started", "Logging runs already").source(cause))
}

/// Whether a record is one of ours, or important enough although it is not. Libraries log every request and frame at
/// info and debug, with contents; their warnings are welcome.
fn wanted(record: &log::Record<'_>, level: LevelFilter) -> bool {
    let most = match record.module_path() {
        Some(path) if !path.starts_with("portagent") => level.min(LevelFilter::Warn),
        _ => level,
    };
    record.level() <= most
}
