//! Care for the databases of a data directory, beside a running server and without one. Everything here works on
//! connections of its own, so that it also works on a file that is too damaged for a server to start on.

mod check;
pub mod inspect;
mod leftovers;
mod live;
pub mod offline_check;
mod ownerless;
mod schema_check;
mod tend;
mod try_out;

use std::path::Path;

use rusqlite::Connection;

pub use crate::store::migrations::Which;
pub use check::{check, integrity_by_table};
pub use leftovers::{Leftovers, leftovers, sweep};
pub use live::Space;
pub use ownerless::{Ownerless, Removed, ownerless, remove_ownerless};
pub use schema_check::is_current;
pub use tend::{Stats, TableStats, last_ok, optimize, stats, total, vacuum};
pub use try_out::try_out;

use crate::domain::finding::{Finding, Level};
use crate::domain::{Error, Result};
use crate::store::sqlite::open;

/// Whether it says that a newer program wrote the file, which is not damaged then.
pub fn is_newer(finding: &Finding) -> bool {
    finding.name == schema_check::NEWER
}

fn finding(place: &'static str, name: &'static str, level: Level, count: u64, message: impl Into<String>) -> Finding {
    Finding::new(name, level, message).at(place).counted(count)
}

/// A pass for none, else the given level.
pub fn counted(place: &'static str, name: &'static str, bad: Level, count: u64, message: String) -> Finding {
    finding(place, name, if count == 0 { Level::Pass } else { bad }, count, message)
}

/// A connection that only looks. Nothing is made where there is nothing.
///
/// Errors: `NotFound` without the file; `Unavailable` when it cannot be used.
fn open_to_read(path: &Path) -> Result<Connection> {
    must_exist(path)?;
    open::reader(path)
}

/// A connection that changes things, beside the server's own.
fn open_to_change(path: &Path) -> Result<Connection> {
    let conn = open_to_read(path)?;
    let prepared = conn.pragma_update(None, "query_only", false).and_then(|()| {
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", true)
    });
    prepared?;
    Ok(conn)
}

fn must_exist(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    Err(Error::not_found(&path.display().to_string()).hint("name the data directory with --data-dir"))
}
