//! Automatic care: statistics and counts daily, a check of every page weekly and soon after a crash, files that nothing holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::{Error, Result};
use crate::ops::scheduler::{Job, When};
use crate::ops::worker::Stop;
use crate::service::Services;
use crate::service::files::Tidied;
use crate::store::Store;
use crate::store::care::{self, Which};

const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// The name that `/health/ready` knows.
pub const INTEGRITY: &str = "integrity";

/// Once a day.
pub fn optimize_job(store: Arc<Store>) -> Job {
    let run = move |_: &Stop| {
        Which::BOTH.into_iter().try_for_each(|which| store.optimize(which))?;
        store.recount_stored()?;
        Ok("the statistics of both databases are up to date".to_owned())
    };
    Job { name: "optimize", when: When::Daily(vec![3 * 60 + 40]), run: Box::new(run) }
}

/// Once a week, and soon when `asked` is set.
pub fn integrity_job(store: Arc<Store>, asked: Arc<AtomicBool>) -> Job {
    let answered = asked.clone();
    let run = move |stop: &Stop| {
        let sentence = check_every_page(&store, stop)?;
        answered.store(false, Ordering::Relaxed);
        Ok(sentence)
    };
    Job { name: INTEGRITY, when: When::EveryOrAsked(WEEK, asked), run: Box::new(run) }
}

/// Four times a day, and soon after a start: an upload that a crash cut off is not kept for long.
pub fn files_job(services: Arc<Services>) -> Job {
    let asked = Arc::new(AtomicBool::new(true));
    let answered = asked.clone();
    let run = move |stop: &Stop| {
        let Tidied { files, contents, partial } = services.files.tidy(&|| !stop.is_set())?;
        answered.store(false, Ordering::Relaxed);
        Ok(format!(
            "removed {files} files that no message carries, {contents} contents without a file, {partial} half-written"
        ))
    };
    Job { name: "files", when: When::EveryOrAsked(SIX_HOURS, asked), run: Box::new(run) }
}

/// On a reading connection, table by table: no writer waits for it, and no write-ahead log grows for long.
///
/// Errors: `Unavailable` when something is damaged; `Conflict` when the server stops before the end.
fn check_every_page(store: &Store, stop: &Stop) -> Result<String> {
    for which in Which::BOTH {
        let stop = stop.clone();
        let complaints = care::integrity_by_table(store.directory(), which, move || stop.is_set())?
            .ok_or_else(|| Error::conflict("stopped", "The server is stopping"))?;
        if let Some(first) = complaints.first() {
            let message = format!("{} is damaged: {first}", which.file());
            return Err(Error::unavailable("database_damaged", message)
                .hint("stop the server, then `portagent db recover` or `portagent restore FILE`"));
        }
    }
    Ok("both databases are intact".to_owned())
}
