//! Which process serves the directory, and the state of its databases.

use std::path::Path;

use crate::domain::finding::Finding;
use crate::store::{DirectoryLock, Inspected, Inspection, inspect, recorded_administrators};

const LOCK: &str = "lock";
const ADMINISTRATOR: &str = "administrator";

pub(super) struct Served {
    pub finding: Finding,
    /// The server's process id, as it wrote it down.
    pub pid: Option<String>,
}

pub(super) fn lock(directory: &Path) -> Served {
    let pid = DirectoryLock::holder(directory);
    let finding = match &pid {
        Some(pid) => Finding::pass(LOCK, format!("process {pid} serves this directory")),
        None => Finding::pass(LOCK, "no server serves this directory at the moment"),
    };
    Served { finding, pid }
}

pub(super) fn findings(directory: &Path, is_served: bool) -> Vec<Finding> {
    inspect(directory, is_served).into_iter().map(finding).collect()
}

/// Without one, no account can be managed on the page.
pub(super) fn administrator(directory: &Path, is_served: bool) -> Finding {
    match recorded_administrators(directory, is_served) {
        None => Finding::skip(ADMINISTRATOR, "the accounts cannot be read"),
        Some((0, _)) => {
            Finding::skip(ADMINISTRATOR, "there is no account yet: the first one becomes the administrator")
        }
        Some((_, 0)) => Finding::fail(ADMINISTRATOR, "there is no active administrator")
            .hint("`portagent user promote NAME` makes one; `portagent user enable NAME` lets a disabled one back in"),
        Some((_, count)) => Finding::pass(ADMINISTRATOR, format!("active administrators: {count}")),
    }
}

fn finding(inspection: Inspection) -> Finding {
    let Inspection { name, path, newest, found } = inspection;
    let file = path.display();
    let way_out = "restore a backup, or save what can be saved: `portagent help` lists restore and db recover";
    match found {
        Inspected::Missing => Finding::skip(name, format!("{file} does not exist yet")),
        Inspected::Sound(schema) => Finding::pass(name, format!("sound, at schema {schema}")),
        Inspected::Older(schema) => {
            Finding::pass(name, format!("at schema {schema}; the next start brings it to {newest}, after a snapshot"))
        }
        Inspected::Newer(schema) => {
            Finding::fail(name, format!("{file} was written by schema {schema}, this program knows {newest}"))
                .hint("install the newer portagent again, or restore the snapshot that was taken before its upgrade")
        }
        Inspected::Unclean => {
            Finding::warn(name, "the last stop was not a clean one; it cannot be checked without changing it")
                .hint("start the server, which recovers it, and run this again")
        }
        Inspected::Slow => Finding::warn(name, "it opens, but is too large to be checked here")
            .hint("`portagent db check` takes all the time that it needs"),
        Inspected::Damaged(what) => Finding::fail(name, format!("{file} is damaged: {what}")).hint(way_out),
        Inspected::Unreadable(error) => {
            let hint =
                error.hint.as_deref().unwrap_or("run this as the user that runs portagent, or as root").to_owned();
            Finding::fail(name, format!("{file}: {}", error.with_cause())).hint(hint)
        }
    }
}
