//! Whether there is a fresh backup: by what its runs have left in `jobs`, and by the newest archive where they are put.

use std::time::Duration;

use super::{Audience, spoken};
use crate::domain::clock;
use crate::domain::finding::Finding;
use crate::store::{JobRecord, Store};

/// The name of the job.
pub const JOB: &str = "backup";
/// What is added to two periods before we warn, because a backup takes its time: an hour, in milliseconds.
const GRACE_MS: i64 = 3_600_000;
/// Automatic backups of which none succeeded for so long do not work: two weeks, in milliseconds.
const FAIL_AFTER_MS: i64 = 14 * 24 * 3_600_000;

/// What is expected of backups.
pub struct BackupPlan {
    /// The time between two automatic backups; `None`: there are none.
    pub period: Option<Duration>,
    /// When the newest archive was made that is there, in milliseconds since 1970.
    pub newest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
}

/// What is known about backups, from a running server or from the files of one that is stopped.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackupFacts<'a> {
    pub record: Option<&'a JobRecord>,
    /// When the newest archive was made that is there. Times are milliseconds since 1970.
    pub newest: Option<i64>,
    pub period: Option<Duration>,
    /// When the first account was made; before it there was nothing to keep.
    pub since: Option<i64>,
    pub now: i64,
}

pub(super) fn check(store: &Store, plan: Option<&BackupPlan>) -> Finding {
    let period = plan.map_or(Some(Duration::from_secs(24 * 3600)), |plan| plan.period);
    let newest = plan.and_then(|plan| (plan.newest)());
    match (store.job(JOB), store.first_user_at()) {
        (Ok(record), Ok(since)) => {
            let record = record.as_ref();
            judge(&BackupFacts { record, newest, period, since, now: clock::now_ms() }, Audience::Anyone)
        }
        _ => Finding::warn(JOB, "the record of backups cannot be read"),
    }
}

/// The one judgement about backups, for health checks and for the doctor.
pub fn judge(facts: &BackupFacts<'_>, audience: Audience) -> Finding {
    let ago = |at: i64| spoken((facts.now - at).max(0) / 1000);
    let last_ok = facts.record.and_then(|record| record.last_ok_at).max(facts.newest);
    if let Some(error) = failure(facts.record, last_ok) {
        let good =
            last_ok.map_or("there is no good one".to_owned(), |at| format!("the last good one is {} old", ago(at)));
        return Finding::fail(JOB, format!("the last backup failed{}; {good}", audience.cause(error)))
            .hint("`portagent logs --grep backup` says more; `portagent backup` tries again");
    }
    let Some(at) = last_ok else { return missing(facts, audience).hint("`portagent backup` makes one") };
    let message = format!("the last backup is {} old", ago(at));
    let Some(patience) = facts.period.map(patience) else {
        return Finding::pass(JOB, format!("automatic backups are off (BACKUP_SCHEDULE=off); {message}"));
    };
    let age = facts.now - at;
    if age <= patience {
        return Finding::pass(JOB, message);
    }
    // Data without a fresh backup is still worth serving, so health checks only warn.
    let is_failure = audience == Audience::Operator && age > FAIL_AFTER_MS.max(patience);
    let make = if is_failure { Finding::fail } else { Finding::warn };
    make(JOB, message).hint("`portagent backup` makes one; check BACKUP_SCHEDULE")
}

/// Why the last run failed, unless a good archive was made since.
fn failure(record: Option<&JobRecord>, last_ok: Option<i64>) -> Option<&str> {
    let error = record?.last_error.as_deref()?;
    let is_newest = record?.last_ended_at.is_none_or(|at| last_ok.is_none_or(|ok| ok <= at));
    is_newest.then_some(error)
}

fn missing(facts: &BackupFacts<'_>, audience: Audience) -> Finding {
    let waited = facts.since.map(|since| facts.now - since);
    match (waited, facts.period) {
        (Some(waited), Some(period)) if waited > patience(period) => {
            Finding::warn(JOB, format!("there have been accounts for {} and there is no backup", spoken(waited / 1000)))
        }
        (_, None) if audience == Audience::Anyone => {
            Finding::pass(JOB, "automatic backups are off (BACKUP_SCHEDULE=off)")
        }
        _ if audience == Audience::Anyone => Finding::pass(JOB, "there is no backup yet; none is overdue"),
        _ => Finding::warn(JOB, "there is no backup yet"),
    }
}

/// How old the newest backup may be, in milliseconds: one may be missed.
fn patience(period: Duration) -> i64 {
    i64::try_from(period.as_millis()).unwrap_or(i64::MAX / 4) * 2 + GRACE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    const HOUR: i64 = 3_600_000;
    const NOW: i64 = 1000 * HOUR;
    const DAILY: Option<Duration> = Some(Duration::from_secs(24 * 3600));

    fn hours_ago(hours: Option<i64>) -> Option<i64> {
        hours.map(|hours| NOW - hours * HOUR)
    }

    fn record(ok: Option<i64>, failed: Option<i64>) -> JobRecord {
        JobRecord {
            name: JOB.to_owned(),
            last_started_at: None,
            last_ended_at: hours_ago(failed.or(ok)),
            last_ok_at: hours_ago(ok),
            last_error: failed.map(|_| "a path that is nobody's business".to_owned()),
            detail: None,
        }
    }

    fn facts(
        record: Option<&JobRecord>,
        newest: Option<i64>,
        period: Option<Duration>,
        since: Option<i64>,
    ) -> BackupFacts<'_> {
        BackupFacts { record, newest: hours_ago(newest), period, since: hours_ago(since), now: NOW }
    }

    #[test]
    fn old_missing_and_failed_backups() {
        let check = |ok: Option<i64>, failed: Option<i64>, newest: Option<i64>, since, expected: Level, words: &str| {
            let record = (ok.is_some() || failed.is_some()).then(|| record(ok, failed));
            let check = judge(&facts(record.as_ref(), newest, DAILY, since), Audience::Anyone);
            assert_eq!(check.level, expected, "{}", check.message);
            assert!(check.message.contains(words), "{}", check.message);
        };
        check(None, None, None, None, Level::Pass, "no backup yet");
        check(None, None, None, Some(47), Level::Pass, "no backup yet");
        check(None, None, None, Some(72), Level::Warn, "for 3 days and there is no backup");
        check(Some(20), None, None, Some(72), Level::Pass, "20 hours old");
        check(Some(72), None, None, Some(90), Level::Warn, "3 days old");
        check(Some(72), None, Some(20), Some(90), Level::Pass, "20 hours old");
        let words = "failed, the log says why; the last good one is 20 hours";
        check(Some(20), Some(1), None, Some(72), Level::Fail, words);
        check(None, Some(1), None, Some(1), Level::Fail, "there is no good one");
        check(None, Some(1), Some(0), Some(1), Level::Pass, "old");
    }

    #[test]
    fn the_schedule_says_how_old_one_may_be() {
        let judge = |period, hours| judge(&facts(None, hours, period, Some(500)), Audience::Anyone).level;
        assert_eq!(judge(Some(Duration::from_secs(12 * 3600)), Some(30)), Level::Warn);
        assert_eq!(judge(DAILY, Some(30)), Level::Pass);
        assert_eq!(judge(None, Some(400)), Level::Pass);
        assert_eq!(judge(None, None), Level::Pass);
    }

    #[test]
    fn the_operator_learns_more() {
        let check = |record: Option<JobRecord>, newest, period, expected: Level, words: &str| {
            let found = judge(&facts(record.as_ref(), newest, period, None), Audience::Operator);
            assert_eq!(found.level, expected, "{}", found.message);
            assert!(found.message.contains(words), "{}", found.message);
        };
        check(
            Some(record(Some(3), Some(1))),
            None,
            DAILY,
            Level::Fail,
            "failed: a path that is nobody's business; the",
        );
        check(None, None, DAILY, Level::Warn, "no backup yet");
        check(None, Some(72), DAILY, Level::Warn, "3 days old");
        check(None, Some(15 * 24), DAILY, Level::Fail, "15 days old");
        check(None, Some(15 * 24), None, Level::Pass, "BACKUP_SCHEDULE=off");
        check(None, Some(15 * 24), Some(Duration::from_secs(30 * 24 * 3600)), Level::Pass, "15 days old");
    }
}
