//! Keeps the search index up to date, behind everything else.

use std::sync::Arc;
use std::time::Duration;

use super::worker::Worker;
use crate::domain::{Code, Result};
use crate::service::Services;

/// How soon a message is found.
const PERIOD: Duration = Duration::from_secs(1);
/// Between two steps of a comparison, so that people do not notice it.
const PAUSE: Duration = Duration::from_millis(20);
const STACK_BYTES: usize = 512 * 1024;

/// Errors: `Internal` without a thread.
pub fn indexing(services: Arc<Services>) -> Result<Worker> {
    let mut is_failing = false;
    Worker::start("search", STACK_BYTES, PERIOD, move |stop| {
        let outcome = services.search.catch_up(&|| stop.wait(PAUSE));
        if let Err(error) = &outcome
            && error.code != Code::DATABASE_BUSY
            && !is_failing
        {
            log::warn!(target: "ops", "the search index is not up to date: {}", error.with_cause());
        }
        is_failing = outcome.is_err();
    })
}
