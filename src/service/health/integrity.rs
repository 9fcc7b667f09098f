//! What the last check of the databases' integrity found, by what it has left in `jobs`.

use super::{Check, Status, spoken};
use crate::domain::clock;
use crate::store::{JobRecord, Store};

/// The name of the job.
pub const JOB: &str = "integrity";
/// It is a weekly job: two weeks and a day without one is one that was missed, in milliseconds.
const WARN_AFTER_MS: i64 = 15 * 24 * 3_600_000;

pub(super) fn check(store: &Store) -> Check {
    match (store.job(JOB), store.first_user_at()) {
        (Ok(record), Ok(since)) => judge(record.as_ref(), since, clock::now_ms()),
        _ => Check::new(JOB, Status::Warn, "what is known about integrity checks cannot be read"),
    }
}

fn judge(record: Option<&JobRecord>, since: Option<i64>, now: i64) -> Check {
    let ago = |at: i64| spoken((now - at) / 1000);
    if record.is_some_and(|record| record.last_error.is_some()) {
        return Check::new(JOB, Status::Fail, "the last integrity check failed: see the log, and `portagent db check`");
    }
    match (record.and_then(|record| record.last_ok_at), since) {
        (Some(at), _) if now - at > WARN_AFTER_MS => {
            Check::new(JOB, Status::Warn, format!("the databases were last found sound {} ago", ago(at)))
        }
        (Some(at), _) => Check::new(JOB, Status::Pass, format!("the databases were found sound {} ago", ago(at))),
        (None, Some(since)) if now - since > WARN_AFTER_MS => {
            Check::new(JOB, Status::Warn, "the databases were never checked: `portagent db check` does it now")
        }
        (None, _) => Check::new(JOB, Status::Pass, "no check is due yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_old_and_missing_checks() {
        const DAY: i64 = 24 * 3_600_000;
        let now = 1000 * DAY;
        let check = |ok: Option<i64>, failed: bool, since: i64, expected: Status| {
            let record = JobRecord {
                name: JOB.to_owned(),
                last_started_at: None,
                last_ended_at: None,
                last_ok_at: ok.map(|days| now - days * DAY),
                last_error: failed.then(|| "damaged".to_owned()),
                detail: None,
            };
            let check = judge((ok.is_some() || failed).then_some(&record), Some(now - since * DAY), now);
            assert_eq!(check.status, expected, "{}", check.message);
        };
        check(None, false, 14, Status::Pass);
        check(None, false, 16, Status::Warn);
        check(Some(14), false, 100, Status::Pass);
        check(Some(16), false, 100, Status::Warn);
        check(Some(1), true, 100, Status::Fail);
    }
}
