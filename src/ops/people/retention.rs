//! Retention: conversations without activity for so many days are deleted, with their files. Off unless an
//! administrator sets it.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::SessionId;
use crate::domain::{Error, Result, clock};
use crate::ops::scheduler::{Job, When};
use crate::ops::worker::Stop;
use crate::service::{Services, clock_guard, files};
use crate::store::Store;

/// The key in `settings`.
const KEY: &str = "retention.days";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest that can be set, in days: a hundred years.
pub const DAYS_MOST: u32 = 36_500;
/// Conversations in one transaction; people's commits wait for it.
const PER_COMMIT: usize = 20;
/// Others get their turn in between.
const PAUSE: Duration = Duration::from_millis(50);

/// What was deleted, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub conversations: u64,
    pub messages: u64,
}

/// `None` while it is off.
///
/// Errors: `Unavailable` when what stands there is no number of days: then nothing is deleted.
pub fn keep_days(store: &Store) -> Result<Option<u32>> {
    let Some(text) = store.setting(KEY)? else { return Ok(None) };
    match text.trim().parse() {
        Ok(days) if (1..=DAYS_MOST).contains(&days) => Ok(Some(days)),
        _ => Err(Error::unavailable("bad_setting", format!("the setting {KEY} is no number of days: {text}"))
            .hint("set it anew: `portagent retention set DAYS` or `portagent retention off`")),
    }
}

/// `None` turns it off.
pub fn set_keep_days(store: &Store, days: Option<u32>) -> Result<()> {
    store.set_setting(KEY, days.map(|days| days.to_string()))
}

pub fn would_forget(store: &Store, days: u32) -> Result<Forgotten> {
    let idle = store.idle_conversations(before(days))?;
    Ok(Forgotten { conversations: idle.conversations, messages: idle.messages })
}

/// Deletes them, a few at a time; `drop_events` forgets the events of one. `go_on` is asked in between.
pub fn forget(
    store: &Store,
    drop_events: &dyn Fn(&SessionId),
    days: u32,
    go_on: &dyn Fn() -> bool,
) -> Result<Forgotten> {
    let before = before(days);
    let mut forgotten = Forgotten::default();
    while go_on() {
        let these = store.forget_idle(before, PER_COMMIT)?;
        for one in &these {
            drop_events(&one.session);
            store.workdirs().remove_conversation(&one.container, &one.conversation)?;
            files::forget_unheld(store, &one.container)?;
            forgotten.conversations += 1;
            forgotten.messages += one.messages;
        }
        if these.len() < PER_COMMIT {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(forgotten)
}

/// Once a day, at a quiet hour for most of the world's people who would notice.
pub fn job(services: Arc<Services>, store: Arc<Store>) -> Job {
    let run = move |stop: &Stop| {
        let Some(days) = keep_days(&store)? else { return Ok("retention is off".to_owned()) };
        if !clock_guard::is_confirmed(&store)? {
            return Ok("nothing was deleted: the clock is not confirmed".to_owned());
        }
        let Forgotten { conversations, messages } =
            forget(&store, &|session| services.hub.forget(session), days, &|| !stop.is_set())?;
        Ok(format!("deleted {conversations} conversations without activity for {days} days, with {messages} messages"))
    };
    Job { name: "retention", when: When::Daily(vec![3 * 60 + 20]), run: Box::new(run) }
}

fn before(days: u32) -> i64 {
    clock::now_ms().saturating_sub(i64::from(days).saturating_mul(DAY_MS))
}
