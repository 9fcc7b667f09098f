//! Administration over HTTP, a file for each subject. The guard has let in administrators only; every change leaves an
//! audit line.

pub(crate) mod backups;
pub(crate) mod checks;
pub(crate) mod invites;
pub(crate) mod logs;
pub(crate) mod money;
pub(crate) mod settings;
pub(crate) mod users;

use crate::domain::{Error, Result};
use crate::http::wire::request::Request;

/// Entries of a page: what is given when nothing is asked, and the most.
const PER_PAGE: (usize, usize) = (50, 200);

/// `?limit=`, and `default` without it. Errors: `Invalid` for what is no number from 1 to `most`.
fn limit(req: &Request, (default, most): (usize, usize)) -> Result<usize> {
    let Some(text) = req.query_value("limit").filter(|text| !text.is_empty()) else { return Ok(default) };
    text.parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| Error::invalid("invalid_limit", format!("limit must be a number from 1 to {most}")))
}

/// `?cursor=`: where the last page ended.
fn cursor(req: &Request) -> Option<String> {
    req.query_value("cursor").filter(|text| !text.is_empty())
}

/// `?dryRun=1`: it only counts.
pub(crate) fn is_dry_run(req: &Request) -> bool {
    matches!(req.query_value("dryRun").as_deref(), Some("1" | "true"))
}
