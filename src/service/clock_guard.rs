//! What is deleted by its age trusts the clock. A clock that has jumped years ahead, on a machine without a battery for
//! it, would delete everything at once. So nothing is deleted by age from the moment at which the clock is far beyond
//! all that was stored before, until it is back or the operator confirms it.

use crate::domain::Result;
use crate::store::Store;

/// The key in `settings`; its value is the time at which the clock became doubtful, in milliseconds since 1970.
const KEY: &str = "clock.unconfirmed";
/// So far beyond the newest thing that was stored, in milliseconds: 60 days. A machine may also have been off for that
/// long; then the operator confirms the clock.
const FAR_MS: i64 = 60 * 24 * 3_600_000;

/// Compares the clock with what is stored, and remembers that it is doubtful. To be called before anything new is
/// stored at the new time: at a start, and when the clock jumps.
pub fn check(store: &Store, now: i64) -> Result<()> {
    let unconfirmed = unconfirmed(store)?;
    let newest = store.newest_at()?;
    let is_far = newest.is_some_and(|newest| now - newest > FAR_MS);
    if is_far && unconfirmed.is_none() {
        log::warn!(
            target: "app",
            "the clock is {} days ahead of everything that was stored: nothing is deleted by age until \
             `portagent retention run --confirm-clock` confirms it",
            newest.map_or(0, |newest| (now - newest) / (24 * 3_600_000))
        );
        return store.set_setting(KEY, Some(now.to_string()));
    }
    // Set back by about as much as it was ahead.
    if unconfirmed.is_some_and(|at| at - now > FAR_MS) {
        log::info!(target: "app", "the clock is back: what is old is deleted by age again");
        return store.set_setting(KEY, None);
    }
    Ok(())
}

/// For a command, which may be the first to see a jump. Errors: those of the database.
pub fn may_delete_by_age(store: &Store, now: i64) -> Result<bool> {
    check(store, now)?;
    is_confirmed(store)
}

pub fn is_confirmed(store: &Store) -> Result<bool> {
    Ok(unconfirmed(store)?.is_none())
}

/// The operator says that the clock is right.
pub fn confirm(store: &Store) -> Result<()> {
    store.set_setting(KEY, None)
}

/// What cannot be read as a time counts as doubt.
fn unconfirmed(store: &Store) -> Result<Option<i64>> {
    Ok(store.setting(KEY)?.map(|text| text.parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_remembered_until_it_is_undone_or_confirmed() {
        let home = tempfile::tempdir().expect("a directory");
        let store = Store::open(home.path()).expect("opens");
        let now = crate::domain::clock::now_ms();
        let check = |now, expected| assert_eq!(may_delete_by_age(&store, now).expect("reads"), expected, "{now}");
        check(now + 11 * FAR_MS, true); // nothing is stored yet, and nothing can be lost
        store.job_ended("optimize", Ok("x")).expect("is stored");
        check(now, true);
        check(now + FAR_MS / 2, true);
        check(now + 11 * FAR_MS, false);
        check(now + 12 * FAR_MS, false);
        check(now, true); // the clock is back
        check(now + 11 * FAR_MS, false);
        confirm(&store).expect("is stored");
        assert!(is_confirmed(&store).expect("reads"));
    }
}
