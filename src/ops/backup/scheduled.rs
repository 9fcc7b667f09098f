//! The automatic backup, on a thread of low priority, so that chats stay fast.

use super::super::meter::Progress;
use super::super::meter::{Meter, Pace};
use super::super::worker::Stop;
use super::{Made, Options, make, remove_old};
use crate::domain::{Error, Result, clock};

/// Steps down in priority (nice(2)) of the thread.
const NICE: i32 = 10;
const STACK_BYTES: usize = 1024 * 1024;

/// Makes one and, where `may_remove` says so, removes what is older than so many days.
///
/// Errors: those of [`make`].
pub fn scheduled(
    options: &Options,
    days: u32,
    stop: &Stop,
    may_remove: &(dyn Fn() -> bool + Sync),
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Made> {
    // A priority that was lowered cannot be raised again, so the thread is one of its own.
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("backup".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                let _ = rustix::process::nice(NICE); // without it we are only less polite
                run(options, days, stop, may_remove, tell)
            })
            .map_err(Error::internal)?
            .join()
            .unwrap_or_else(|_| Err(Error::internal("the backup panicked")))
    })
}

fn run(
    options: &Options,
    days: u32,
    stop: &Stop,
    may_remove: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(Progress),
) -> Result<Made> {
    let made = make(options, &mut Meter::new(stop.clone(), Pace::Gentle, tell))?;
    for warning in &made.report.warnings {
        log::warn!(target: "backup", "{warning}");
    }
    if may_remove() {
        remove_old(&options.into, &made, days, clock::now_ms());
    }
    Ok(made)
}
