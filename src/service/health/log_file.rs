//! Whether the log file takes what it is given.

use super::{Check, Status, spoken};
use crate::telemetry::metrics;

pub(super) fn check() -> Check {
    match metrics::catalog::log_file_broken_for() {
        None => Check::new("log", Status::Pass, "the log file is written"),
        Some(time) => {
            let since = spoken(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
            Check::new(
                "log",
                Status::Warn,
                format!("the log file has taken no line for {since}; stdout still has them"),
            )
        }
    }
}
