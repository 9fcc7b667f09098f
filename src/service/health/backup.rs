//! Whether there is a fresh backup, by what its runs have left in `jobs`.

use super::{Check, Status, spoken};
use crate::domain::clock;
use crate::store::{JobRecord, Store};

/// The name of the job.
pub const JOB: &str = "backup";
/// Two days without a good backup is one that was missed and one more, in milliseconds.
const WARN_AFTER_MS: i64 = 2 * 24 * 3_600_000;

pub(super) fn check(store: &Store) -> Check {
    match (store.job(JOB), store.first_user_at()) {
        (Ok(record), Ok(since)) => judge(record.as_ref(), since, clock::now_ms()),
        _ => Check::new(JOB, Status::Warn, "what is known about backups cannot be read"),
    }
}

/// `since`: when the first account was made; before it there was nothing to keep.
fn judge(record: Option<&JobRecord>, since: Option<i64>, now: i64) -> Check {
    let ago = |at: i64| spoken((now - at) / 1000);
    let last_ok = record.and_then(|record| record.last_ok_at);
    if record.is_some_and(|record| record.last_error.is_some()) {
        let before =
            last_ok.map_or("there is no good one".to_owned(), |at| format!("the last good one is {} old", ago(at)));
        return Check::new(JOB, Status::Fail, format!("the last backup failed, the log says why; {before}"));
    }
    match (last_ok, since) {
        (Some(at), _) if now - at > WARN_AFTER_MS => {
            Check::new(JOB, Status::Warn, format!("the last good backup is {} old", ago(at)))
        }
        (Some(at), _) => Check::new(JOB, Status::Pass, format!("the last good backup is {} old", ago(at))),
        (None, Some(since)) if now - since > WARN_AFTER_MS => {
            Check::new(JOB, Status::Warn, format!("there are accounts for {} and no backup", ago(since)))
        }
        (None, _) => Check::new(JOB, Status::Pass, "there is no backup yet, and not much to lose"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_missing_and_failed_backups() {
        const HOUR: i64 = 3_600_000;
        let now = 1000 * HOUR;
        let check = |ok: Option<i64>, error: Option<&str>, since: Option<i64>, expected: Status, words: &str| {
            let record = JobRecord {
                name: JOB.to_owned(),
                last_started_at: None,
                last_ended_at: None,
                last_ok_at: ok.map(|hours| now - hours * HOUR),
                last_error: error.map(str::to_owned),
                detail: None,
            };
            let is_there = ok.is_some() || error.is_some();
            let check = judge(is_there.then_some(&record), since.map(|hours| now - hours * HOUR), now);
            assert_eq!(check.status, expected, "{}", check.message);
            assert!(check.message.contains(words), "{}", check.message);
        };
        check(None, None, None, Status::Pass, "no backup yet");
        check(None, None, Some(47), Status::Pass, "no backup yet");
        check(None, None, Some(72), Status::Warn, "for 3 days and no backup");
        check(Some(20), None, Some(72), Status::Pass, "20 h old");
        check(Some(72), None, Some(90), Status::Warn, "3 days old");
        check(
            Some(20),
            Some("a path that is nobody's business"),
            Some(72),
            Status::Fail,
            "failed, the log says why; the last good one is 20 h",
        );
        check(None, Some("x"), Some(1), Status::Fail, "there is no good one");
    }
}
