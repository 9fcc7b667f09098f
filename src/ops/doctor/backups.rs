//! Backups and integrity checks: whether they happen, and how the last ones ended.

use std::fs;

use super::{Finding, Patient};
use crate::domain::clock::now_ms;
use crate::store::{JobRecord, recorded_job};

const BACKUP: &str = "backup";
const INTEGRITY: &str = "integrity";
/// A daily backup that is older than this was missed; twice as old as a week is no backup any more. In hours.
const BACKUP_WARN_HOURS: i64 = 48;
const BACKUP_FAIL_HOURS: i64 = 14 * 24;
/// The check is weekly; one may be missed. In hours.
const INTEGRITY_WARN_HOURS: i64 = 15 * 24;

pub(super) fn findings(patient: &Patient, is_served: bool) -> Vec<Finding> {
    let job = |name| recorded_job(&patient.data_dir, is_served, name);
    let mut findings = vec![backup(job(BACKUP).as_ref(), now_ms()), integrity(job(INTEGRITY).as_ref(), now_ms())];
    if patient.backup_dir.exists() && !takes_files(&patient.backup_dir) {
        let directory = patient.backup_dir.display();
        findings.push(
            Finding::fail(BACKUP, format!("{directory} cannot be written"))
                .hint("make it writable for the user that runs portagent, or name another directory"),
        );
    }
    findings
}

/// By trying, because permissions do not tell of read-only disks.
pub(super) fn takes_files(directory: &std::path::Path) -> bool {
    let probe = directory.join(format!(".portagent-doctor-{}", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&probe).is_ok();
    written && fs::remove_file(&probe).is_ok()
}

fn backup(job: Option<&JobRecord>, now: i64) -> Finding {
    let Some(job) = job.filter(|job| job.last_ok_at.is_some() || job.last_error.is_some()) else {
        return Finding::warn(BACKUP, "there is no backup yet").hint("`portagent backup` makes one");
    };
    let age = job.last_ok_at.map(|at| hours(now - at));
    if let Some(error) = &job.last_error {
        let good =
            age.map_or_else(|| "there is no good one".to_owned(), |age| format!("the last good one is {}", old(age)));
        return Finding::fail(BACKUP, format!("the last backup failed: {error}; {good}"))
            .hint("`portagent logs --grep backup` says more; `portagent backup` tries again");
    }
    let age = age.unwrap_or(i64::MAX);
    let finding = |make: fn(&'static str, String) -> Finding| {
        make(BACKUP, format!("the last backup is {}", old(age)))
            .hint("`portagent backup` makes one; look at BACKUP_SCHEDULE")
    };
    match age {
        BACKUP_FAIL_HOURS.. => finding(Finding::fail),
        BACKUP_WARN_HOURS.. => finding(Finding::warn),
        _ => Finding::pass(BACKUP, format!("the last good backup is {}", old(age))),
    }
}

fn integrity(job: Option<&JobRecord>, now: i64) -> Finding {
    let Some(job) = job.filter(|job| job.last_ok_at.is_some() || job.last_error.is_some()) else {
        return Finding::pass(INTEGRITY, "no check has run by itself yet; the databases were looked at just now");
    };
    if let Some(error) = &job.last_error {
        return Finding::fail(INTEGRITY, format!("the last check found: {error}"))
            .hint("`portagent db check` looks again");
    }
    let age = job.last_ok_at.map_or(i64::MAX, |at| hours(now - at));
    if age >= INTEGRITY_WARN_HOURS {
        return Finding::warn(INTEGRITY, format!("the last check is {}", old(age)))
            .hint("`portagent db check` makes one");
    }
    Finding::pass(INTEGRITY, format!("the last check is {}, and found nothing wrong", old(age)))
}

fn hours(ms: i64) -> i64 {
    ms.max(0) / 3_600_000
}

fn old(hours: i64) -> String {
    match hours {
        0 => "less than an hour old".to_owned(),
        1 => "an hour old".to_owned(),
        2..48 => format!("{hours} hours old"),
        _ => format!("{} days old", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn job(ok_hours_ago: Option<i64>, error: Option<&str>) -> JobRecord {
        JobRecord {
            name: String::new(),
            last_started_at: None,
            last_ended_at: None,
            last_ok_at: ok_hours_ago.map(|hours| 1000 * HOUR_MS - hours * HOUR_MS),
            last_error: error.map(str::to_owned),
            detail: None,
        }
    }

    #[test]
    fn ages_are_told_as_people_tell_them() {
        let told = ["less than an hour old", "an hour old", "2 hours old", "47 hours old", "2 days old"];
        assert_eq!([0, 1, 2, 47, 48].map(old), told);
    }

    #[test]
    fn old_and_failed_ones() {
        let check = |job: Option<JobRecord>, as_backup, as_integrity| {
            let now = 1000 * HOUR_MS;
            assert_eq!(backup(job.as_ref(), now).verdict, as_backup, "{job:?}");
            assert_eq!(integrity(job.as_ref(), now).verdict, as_integrity, "{job:?}");
        };
        check(None, Verdict::Warn, Verdict::Pass);
        check(Some(job(None, None)), Verdict::Warn, Verdict::Pass);
        check(Some(job(Some(0), None)), Verdict::Pass, Verdict::Pass);
        check(Some(job(Some(47), None)), Verdict::Pass, Verdict::Pass);
        check(Some(job(Some(48), None)), Verdict::Warn, Verdict::Pass);
        check(Some(job(Some(15 * 24), None)), Verdict::Fail, Verdict::Warn);
        check(Some(job(Some(1), Some("the disk is full"))), Verdict::Fail, Verdict::Fail);
    }
}
