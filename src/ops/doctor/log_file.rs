//! The log: whether it can be written, and how many errors it holds of the last day.

use std::fs;
use std::io;
use std::path::Path;

use super::backups;
use crate::domain::clock::now_ms;
use crate::domain::finding::Finding;
use crate::telemetry::{History, parse};

const LOG: &str = "log";
const ERRORS: &str = "recent errors";
const DAY_MS: i64 = 24 * 3_600_000;

pub(super) fn findings(file: &Path) -> Vec<Finding> {
    let directory = file.parent().unwrap_or(file);
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Finding::skip(LOG, format!("{} does not exist yet", directory.display()))];
        }
        Ok(found) if found.is_dir() && backups::takes_files(directory) => {}
        _ => {
            return vec![Finding::fail(LOG, format!("{} cannot be written", directory.display())).hint(
                "make it a directory that the user that runs portagent can write; stdout has the lines meanwhile",
            )];
        }
    }
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return vec![
            Finding::fail(LOG, format!("{} is not a regular file: no line is written to it", file.display()))
                .hint("remove it; the server makes a new one"),
        ];
    }
    vec![Finding::pass(LOG, format!("{} can be written", directory.display())), recent(file)]
}

fn recent(file: &Path) -> Finding {
    match errors_since(file, now_ms() - DAY_MS) {
        Ok(0) => Finding::pass(ERRORS, "none in the last 24 hours"),
        Ok(count) => Finding::warn(ERRORS, format!("{count} in the last 24 hours"))
            .hint("`portagent logs --level error --since 1d` shows them"),
        Err(error) => Finding::warn(ERRORS, format!("the log cannot be read: {error}")),
    }
}

fn errors_since(file: &Path, since_ms: i64) -> io::Result<u64> {
    let history = History::open(file)?;
    let (mut count, start) = (0, history.start());
    history.read(start, false, &mut |line| {
        let parsed = std::str::from_utf8(line).ok().and_then(parse);
        if parsed.is_some_and(|line| line.level == log::Level::Error && line.ms >= since_ms) {
            count += 1;
        }
        Ok(())
    })?;
    Ok(count)
}
