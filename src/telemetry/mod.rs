//! The log, on stdout and in a file that we rotate ourselves, and the metrics.
//!
//! All rooms log through the `log` facade, `log::info!(target: "http", …)`; simplelog hands each record to the
//! loggers of this room. One record is one line, and never holds what people wrote, nor a secret.

mod clock;
mod command;
mod file;
mod filter;
mod history;
mod line;
pub mod metrics;
mod panic;
mod parse;
mod rotate;
mod shared;
mod stdout;
pub mod timestamp;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::LevelFilter;
use simplelog::{CombinedLogger, SharedLogger};

use crate::domain::{Error, Result};

pub use file::FileLogger;
pub use filter::LogFilter;
pub use history::{Follower, History};
pub use line::LINE_BYTES;
pub use parse::{Parsed, parse};
pub use rotate::{RotatingFile, Rotation};
use shared::{Scope, shared};

/// The most that is ever logged: below it nothing of ours says anything.
const MOST: LevelFilter = LevelFilter::Debug;
/// What is logged at the moment.
static LEVEL: AtomicUsize = AtomicUsize::new(MOST as usize);

#[derive(Debug, Clone)]
pub struct LogOptions {
    pub level: LevelFilter,
    /// The file that is written now; its predecessors stand beside it as `.1` to `.6`. So does `security.log`.
    pub file: Option<PathBuf>,
    pub stdout: bool,
}

/// Held by the caller of [`init`] until the end: what waits for stdout is printed when it is dropped.
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
    let mut loggers: Vec<Box<dyn SharedLogger>> = vec![shared(Scope::All, clock::ClockLogger)];
    if options.stdout {
        loggers.push(shared(Scope::Current, stdout::StdoutLogger::start(MOST)?));
    }
    if let Some(path) = options.file {
        let security = Rotation::security(path.with_file_name("security.log"));
        loggers.push(shared(Scope::Security, FileLogger::unwatched(MOST, security)));
        loggers.push(shared(Scope::Current, FileLogger::new(MOST, Rotation::standard(path))));
    }
    metrics::uptime(); // counts from now
    start(loggers)?;
    set_level(options.level);
    panic::log_panics();
    Ok(LogGuard(()))
}

/// What is logged from now on. The `log` macros check it first, so that what is not wanted costs next to nothing.
pub fn set_level(level: LevelFilter) {
    LEVEL.store(level.min(MOST) as usize, Ordering::Relaxed);
    // The security log gets its records whatever the level is.
    log::set_max_level(level.min(MOST).max(LevelFilter::Info));
}

/// The same while serving, with a line in the log that says so, whichever of both levels lets it through.
pub fn change_level(level: LevelFilter, by: std::fmt::Arguments<'_>) {
    let before = self::level();
    // A grep for that word looks for errors, not for the name of a level.
    let name = |level| if level == LevelFilter::Error { "err" } else { level_name(level) };
    always("log", format_args!("log level {} → {}, by {by}", name(before), name(level)));
    set_level(level);
}

/// A line that is logged whatever the level: without it people cannot go on.
pub fn always(target: &str, line: std::fmt::Arguments<'_>) {
    let before = level();
    set_level(before.max(LevelFilter::Info));
    log::info!(target: target, "{line}");
    set_level(before);
}

/// What is logged at the moment.
pub fn level() -> LevelFilter {
    LevelFilter::iter().nth(LEVEL.load(Ordering::Relaxed)).unwrap_or(MOST)
}

/// A level as settings write it.
pub fn level_name(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::Off | LevelFilter::Error => "error",
        LevelFilter::Warn => "warn",
        LevelFilter::Info => "info",
        LevelFilter::Debug | LevelFilter::Trace => "debug",
    }
}

/// From a level's name, in any case.
pub fn level_named(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_lowercase().as_str() {
        "debug" => Some(LevelFilter::Debug),
        "info" => Some(LevelFilter::Info),
        "warn" | "warning" => Some(LevelFilter::Warn),
        "error" => Some(LevelFilter::Error),
        _ => None,
    }
}

/// Starts logging for a command: its warnings go to stderr, for the person who typed it, and nothing to a file,
/// because the file belongs to the server that may be running. Only audit lines are appended to `log_file`, where it
/// exists.
///
/// Errors: `Conflict` when logging was started before.
pub fn init_command(log_file: Option<PathBuf>) -> Result<()> {
    // Audit lines are infos; the logger leaves the other infos out.
    start(vec![shared(Scope::Fixed(LevelFilter::Info), command::CommandLogger { log_file })])
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
