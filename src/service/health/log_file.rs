//! Whether the log file takes what it is given.

use super::spoken;
use crate::domain::finding::Finding;
use crate::telemetry::metrics;

pub(super) fn check() -> Finding {
    match metrics::catalog::log_file_broken_for() {
        None => Finding::pass("log", "the log file is written"),
        Some(time) => {
            let since = spoken(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
            Finding::warn("log", format!("the log file has taken no line for {since}; stdout still has them"))
        }
    }
}
