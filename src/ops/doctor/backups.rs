//! Backups and integrity checks: whether they happen, and how the last ones ended.

use std::fs;

use super::Installation;
use crate::domain::clock::now_ms;
use crate::domain::finding::Finding;
use crate::ops::backup::latest;
use crate::service::health::backup::{self, BackupFacts};
use crate::service::health::{Audience, integrity};
use crate::store::{recorded_job, recorded_since};

pub(super) fn findings(installation: &Installation, is_served: bool) -> Vec<Finding> {
    let job = |name| recorded_job(&installation.data_dir, is_served, name);
    let (record, now) = (job(backup::JOB), now_ms());
    let since = recorded_since(&installation.data_dir, is_served);
    let facts = BackupFacts {
        record: record.as_ref(),
        newest: latest(&installation.backup_dir).ok().flatten().map(|newest| newest.made_at),
        period: installation.backup_period,
        since,
        now,
    };
    let checked = integrity::judge(job(integrity::JOB).as_ref(), since, now, Audience::Operator);
    let mut findings = vec![backup::judge(&facts, Audience::Operator), checked];
    if installation.backup_dir.exists() && !takes_files(&installation.backup_dir) {
        let directory = installation.backup_dir.display();
        findings.push(
            Finding::fail(backup::JOB, format!("{directory} cannot be written"))
                .hint("make it writable for the user that runs portagent, or name another directory"),
        );
    }
    findings
}

/// By trying, because permissions do not reveal a read-only disk.
pub(super) fn takes_files(directory: &std::path::Path) -> bool {
    let probe = directory.join(format!(".portagent-doctor-{}", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&probe).is_ok();
    written && fs::remove_file(&probe).is_ok()
}
