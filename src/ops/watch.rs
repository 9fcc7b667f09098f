//! Notices what changes behind our back: accounts that were disabled with `sqlite3` or the command line while we serve,
//! and rings of events that are no longer needed.

use std::sync::Arc;
use std::time::Duration;

use super::worker::Worker;
use crate::domain::Result;
use crate::service::Services;

/// A disabled account's sockets are closed within two seconds; a check costs one read of a few bytes.
const PERIOD: Duration = Duration::from_secs(1);
/// Whatever is noticed: at every so many checks all accounts are checked anyway.
const CHECK_ALL_EVERY: u32 = 60;
/// A database that was replaced is opened here.
const STACK_BYTES: usize = 1024 * 1024;

/// Errors: `Internal` without a thread.
pub fn watch(services: Arc<Services>) -> Result<Worker> {
    let mut watcher = None;
    let mut failing = false;
    let mut count = 0_u32;
    Worker::start("watch", STACK_BYTES, PERIOD, move |_| {
        count = count.wrapping_add(1);
        services.hub.sweep();
        services.supervise_store();
        let checked = once(&services, &mut watcher, count.is_multiple_of(CHECK_ALL_EVERY));
        // Logged once, not every second; a watcher that failed is opened anew.
        if let Err(error) = &checked {
            watcher = None;
            if !failing {
                log::warn!(target: "watch", "cannot check accounts: {}", error.with_cause());
            }
        }
        failing = checked.is_err();
    })
}

fn once(services: &Services, watcher: &mut Option<crate::store::Watcher>, all: bool) -> Result<()> {
    let watcher = match watcher {
        Some(watcher) => watcher,
        None => watcher.insert(services.watch_accounts()?),
    };
    // A login that expires changes nothing in the database.
    if watcher.changed()? || services.has_login_expired()? || all { services.close_invalid_logins() } else { Ok(()) }
}
