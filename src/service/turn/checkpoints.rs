//! Stores partial answers while they are written: one thread for all turns, one transaction for all of them.
//!
//! A timer rather than the stream itself: what came just before a model falls silent has to be safe as well.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::Turns;
use crate::domain::{Error, Result, limits};

/// A little under the promise, since the commit takes its time too.
const EVERY: Duration = limits::CHECKPOINT_EVERY.saturating_sub(Duration::from_millis(150));
/// How often the thread of an idle server checks whether the server is still there.
const IDLE: Duration = Duration::from_secs(60);
const STACK_BYTES: usize = 256 * 1024;

pub(super) fn start(turns: &Arc<Turns>) -> Result<()> {
    let turns = Arc::downgrade(turns);
    std::thread::Builder::new()
        .name("checkpoint".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || while tick(&turns) {})
        .map(drop)
        .map_err(Error::internal)
}

/// One round. False when the server has stopped.
fn tick(turns: &Weak<Turns>) -> bool {
    let Some(turns) = turns.upgrade() else { return false };
    let queue = turns.queue();
    if queue.load().0 == 0 {
        if queue.is_closed() {
            return false;
        }
        turns.models.close_idle();
        drop(turns.changed.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner));
        return true;
    }
    let running = queue.all_running();
    drop(queue);
    running.iter().for_each(|active| active.show_due(&turns.hub));
    let messages: Vec<_> = running.iter().filter_map(|active| active.checkpoint()).collect();
    drop(running);
    if !messages.is_empty() {
        turns.store.checkpoint(messages);
    }
    drop(turns);
    std::thread::sleep(EVERY);
    true
}
