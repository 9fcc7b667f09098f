//! The logger of commands: warnings and errors, on stderr, in the words that commands use.

use std::io::{self, Write as _};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::wanted;

pub(super) struct CommandLogger;

impl Log for CommandLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if wanted(record, LevelFilter::Warn) {
            let word = if record.level() == Level::Error { "error" } else { "warning" };
            let _ = writeln!(io::stderr(), "{word}: {}", record.args());
        }
    }

    fn flush(&self) {}
}
