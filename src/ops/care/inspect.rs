//! Everything that can be said about a data directory without changing it, and the removal of what has no owner.

use std::path::Path;

use crate::domain::finding::{self, Finding, Level};
use crate::domain::{Error, Result};
use crate::store::care::{self, Ownerless, Which};

/// What was found.
pub struct Report {
    pub findings: Vec<Finding>,
    /// Whether it makes sense to remove anything: a damaged database gives wrong answers about who owns what.
    can_mend: bool,
}

/// What was removed.
#[derive(Debug, Clone, Copy)]
pub struct Mended {
    pub ownerless: Ownerless,
    pub abandoned_files: u64,
}

impl Report {
    pub fn worst(&self) -> Level {
        finding::worst(&self.findings)
    }
}

/// Looks at both databases and at the files around them. `quick` leaves out what reads every row.
///
/// Errors: `NotFound` where there is no data directory.
pub fn inspect(directory: &Path, quick: bool) -> Result<Report> {
    if !directory.join("data").is_dir() {
        return Err(Error::not_found(&directory.join("data").display().to_string())
            .hint("name the data directory with --data-dir or AGENTX_DIR"));
    }
    crate::store::settle_if_free(directory)?;
    let mut findings: Vec<Finding> =
        Which::BOTH.into_iter().flat_map(|which| care::check(directory, which, quick)).collect();
    let damaged = findings.iter().any(|finding| finding.level == Level::Fail);
    let can_mend = !damaged && Which::BOTH.into_iter().all(|which| care::is_current(directory, which));
    if can_mend {
        findings.extend(ownerless(directory)?);
    }
    findings.extend(care::leftovers(directory).findings);
    Ok(Report { findings, can_mend })
}

/// Removes what has no owner. What has one stays, whatever is wrong with it.
///
/// Errors: `Conflict` while a database is damaged or not at our schema, and where there is no account at all.
pub fn mend(directory: &Path, report: &Report) -> Result<Mended> {
    if !report.can_mend {
        return Err(Error::conflict("damaged", "nothing is removed while a database is damaged or of another version")
            .hint(
                "`portagent db recover` makes a new file from a damaged one; a start brings an older one up to date",
            ));
    }
    let ownerless = care::remove_ownerless(directory)?;
    let abandoned_files = care::sweep(&care::leftovers(directory))?;
    Ok(Mended { ownerless, abandoned_files })
}

fn ownerless(directory: &Path) -> Result<Vec<Finding>> {
    let found = care::ownerless(directory)?;
    let (conversations, messages) = (found.conversations, found.messages);
    let rows = [
        (
            "agentx.db",
            "ownerless_containers",
            found.containers,
            format!(
                "{} containers without an account, with {conversations} conversations and {messages} messages",
                found.containers
            ),
        ),
        (
            "agentx.db",
            "ownerless_rows",
            found.dangling,
            format!("{} turns and messages without an owner", found.dangling),
        ),
        (
            "data directory",
            "ownerless_directories",
            found.directories,
            format!("{} directories of files below containers/ without an account", found.directories),
        ),
    ];
    Ok(rows
        .into_iter()
        .map(|(place, name, count, message)| care::counted(place, name, Level::Warn, count, message))
        .collect())
}
