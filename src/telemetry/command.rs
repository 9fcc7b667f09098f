//! The logger of commands: warnings and errors, on stderr, in the words that commands use. Audit lines go to the
//! server's log file.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::line::{Style, with_line};
use super::wanted;
use crate::domain::clock::now_ms;

/// The target of audit lines.
const AUDIT: &str = "audit";

pub(super) struct CommandLogger {
    /// Where audit lines are appended. It is never created: its owner would be the user who runs the command.
    pub(super) log_file: Option<PathBuf>,
}

impl Log for CommandLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn || metadata.target() == AUDIT
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == AUDIT {
            if let Some(path) = &self.log_file {
                append(path, record);
                append(&path.with_file_name("security.log"), record);
            }
        } else if wanted(record, LevelFilter::Warn) {
            let word = if record.level() == Level::Error { "error" } else { "warning" };
            let _ = writeln!(io::stderr(), "{word}: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// One line in one write behind what stands there, which is safe beside a server that does the same. Only a server
/// rotates the file.
fn append(path: &Path, record: &Record<'_>) {
    let flags = i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = OpenOptions::new().append(true).custom_flags(flags).open(path);
    let written = file.and_then(|mut file| {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        with_line(record, Style::Full, now_ms(), |line| file.write_all(line))
    });
    match written {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let _ = writeln!(io::stderr(), "warning: no audit line was written to {}: {error}", path.display());
        }
        _ => {}
    }
}
