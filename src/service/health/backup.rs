//! Whether there is a fresh backup: by what its runs have left in `jobs`, and by the newest archive where they are put.

use std::time::Duration;

use super::{Check, Status, spoken};
use crate::domain::clock;
use crate::store::{JobRecord, Store};

/// The name of the job.
pub const JOB: &str = "backup";
/// What is added to two periods before we warn, because a backup takes its time: an hour, in milliseconds.
const GRACE_MS: i64 = 3_600_000;

/// What is expected of backups.
pub struct BackupPlan {
    /// How often one is made by itself; `None`: never.
    pub period: Option<Duration>,
    /// When the newest archive was made that is there, in milliseconds since 1970.
    pub newest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
}

pub(super) fn check(store: &Store, plan: Option<&BackupPlan>) -> Check {
    let period = plan.map_or(Some(Duration::from_secs(24 * 3600)), |plan| plan.period);
    let newest = plan.and_then(|plan| (plan.newest)());
    match (store.job(JOB), store.first_user_at()) {
        (Ok(record), Ok(since)) => judge(record.as_ref(), newest, period, since, clock::now_ms()),
        _ => Check::new(JOB, Status::Warn, "what is known about backups cannot be read"),
    }
}

/// `since`: when the first account was made; before it there was nothing to keep.
fn judge(
    record: Option<&JobRecord>,
    newest: Option<i64>,
    period: Option<Duration>,
    since: Option<i64>,
    now: i64,
) -> Check {
    let ago = |at: i64| spoken((now - at).max(0) / 1000);
    let last_ok = record.and_then(|record| record.last_ok_at).max(newest);
    let failed_at = record.filter(|record| record.last_error.is_some()).and_then(|record| record.last_ended_at);
    // Somebody may have made a good one by hand since then.
    if failed_at.is_some_and(|at| last_ok.is_none_or(|ok| ok < at)) {
        let before =
            last_ok.map_or("there is no good one".to_owned(), |at| format!("the last good one is {} old", ago(at)));
        return Check::new(JOB, Status::Fail, format!("the last backup failed, the log says why; {before}"));
    }
    let Some(period) = period else {
        let last = last_ok.map_or(String::new(), |at| format!("; the last one is {} old", ago(at)));
        return Check::new(
            JOB,
            Status::Pass,
            format!("backups are not made by themselves (BACKUP_SCHEDULE=off){last}"),
        );
    };
    let patience = i64::try_from(period.as_millis()).unwrap_or(i64::MAX / 4) * 2 + GRACE_MS;
    match (last_ok, since) {
        (Some(at), _) if now - at > patience => {
            Check::new(JOB, Status::Warn, format!("the last good backup is {} old", ago(at)))
        }
        (Some(at), _) => Check::new(JOB, Status::Pass, format!("the last good backup is {} old", ago(at))),
        (None, Some(since)) if now - since > patience => {
            Check::new(JOB, Status::Warn, format!("there are accounts for {} and no backup", ago(since)))
        }
        (None, _) => Check::new(JOB, Status::Pass, "there is no backup yet, and not much to lose"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn old_missing_and_failed_backups() {
        let check =
            |ok: Option<i64>, failed: Option<i64>, newest: Option<i64>, since, expected: Status, words: &str| {
                let record = (ok.is_some() || failed.is_some()).then(|| record(ok, failed));
                let check = judge(record.as_ref(), hours_ago(newest), DAILY, hours_ago(since), NOW);
                assert_eq!(check.status, expected, "{}", check.message);
                assert!(check.message.contains(words), "{}", check.message);
            };
        check(None, None, None, None, Status::Pass, "no backup yet");
        check(None, None, None, Some(47), Status::Pass, "no backup yet");
        check(None, None, None, Some(72), Status::Warn, "for 3 days and no backup");
        check(Some(20), None, None, Some(72), Status::Pass, "20 h old");
        check(Some(72), None, None, Some(90), Status::Warn, "3 days old");
        check(Some(72), None, Some(20), Some(90), Status::Pass, "20 h old");
        let words = "failed, the log says why; the last good one is 20 h";
        check(Some(20), Some(1), None, Some(72), Status::Fail, words);
        check(None, Some(1), None, Some(1), Status::Fail, "there is no good one");
        check(None, Some(1), Some(0), Some(1), Status::Pass, "old");
    }

    #[test]
    fn the_schedule_says_how_old_one_may_be() {
        let judge = |period, hours| judge(None, hours_ago(hours), period, hours_ago(Some(500)), NOW).status;
        assert_eq!(judge(Some(Duration::from_secs(12 * 3600)), Some(30)), Status::Warn);
        assert_eq!(judge(DAILY, Some(30)), Status::Pass);
        assert_eq!(judge(None, Some(400)), Status::Pass);
        assert_eq!(judge(None, None), Status::Pass);
    }
}
