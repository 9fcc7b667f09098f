//! What the last check of the databases' integrity found, by what it has left in `jobs`.

use super::{Audience, spoken};
use crate::domain::clock;
use crate::domain::finding::Finding;
use crate::store::{JobRecord, Store};

/// The name of the job.
pub const JOB: &str = "integrity";
/// It is a weekly job: two weeks and a day without one is one that was missed, in milliseconds.
const WARN_AFTER_MS: i64 = 15 * 24 * 3_600_000;

pub(super) fn check(store: &Store) -> Finding {
    match (store.job(JOB), store.first_user_at()) {
        (Ok(record), Ok(since)) => judge(record.as_ref(), since, clock::now_ms(), Audience::Anyone),
        _ => Finding::warn(JOB, "the record of integrity checks cannot be read"),
    }
}

/// The one judgement about integrity checks. `since`: when the first account was made.
pub fn judge(record: Option<&JobRecord>, since: Option<i64>, now: i64, audience: Audience) -> Finding {
    let ago = |at: i64| spoken((now - at) / 1000);
    if let Some(error) = record.and_then(|record| record.last_error.as_deref()) {
        return Finding::fail(JOB, format!("the last integrity check failed{}", audience.cause(error)))
            .hint("`portagent db check` checks again");
    }
    let found = match (record.and_then(|record| record.last_ok_at), since) {
        (Some(at), _) if now - at <= WARN_AFTER_MS => {
            return Finding::pass(JOB, format!("the last integrity check found no damage, {} ago", ago(at)));
        }
        (Some(at), _) => Finding::warn(JOB, format!("the last integrity check was {} ago", ago(at))),
        (None, Some(since)) if now - since > WARN_AFTER_MS => Finding::warn(JOB, "the databases were never checked"),
        (None, _) => return Finding::pass(JOB, "no integrity check is due yet"),
    };
    found.hint("`portagent db check` makes one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    #[test]
    fn failed_old_and_missing_checks() {
        const DAY: i64 = 24 * 3_600_000;
        let now = 1000 * DAY;
        let check = |ok: Option<i64>, failed: bool, since: i64, expected: Level| {
            let record = JobRecord {
                name: JOB.to_owned(),
                last_started_at: None,
                last_ended_at: None,
                last_ok_at: ok.map(|days| now - days * DAY),
                last_error: failed.then(|| "damaged".to_owned()),
                detail: None,
            };
            let check =
                judge((ok.is_some() || failed).then_some(&record), Some(now - since * DAY), now, Audience::Anyone);
            assert_eq!(check.level, expected, "{}", check.message);
        };
        check(None, false, 14, Level::Pass);
        check(None, false, 16, Level::Warn);
        check(Some(14), false, 100, Level::Pass);
        check(Some(16), false, 100, Level::Warn);
        check(Some(1), true, 100, Level::Fail);
    }
}
