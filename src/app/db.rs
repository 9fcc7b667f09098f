//! What a command does to the databases themselves, beside a running server or without one.

use std::path::Path;

use crate::config::Config;
use crate::domain::Result;
pub use crate::ops::care::{Change, Damaged, Mended, Recovered, Report};
use crate::ops::stand_in::{StandIn, require_writable};
use crate::ops::{become_owner, become_owner_but_for, care};
pub use crate::store::care::{Stats, TableStats, Which, is_newer};
pub use crate::store::salvage::{Report as Saved, TableReport as TableSaved};

/// Checks everything. Errors: `NotFound` where there is no data directory.
pub fn check(config: &Config, quick: bool) -> Result<Report> {
    become_owner(&config.data_dir)?;
    let stand_in = StandIn::of(&config.data_dir)?;
    care::inspect(directory(config, stand_in.as_ref()), quick)
}

/// Removes what has no owner. Errors: `Conflict` where that cannot be known.
pub fn mend(config: &Config, report: &Report) -> Result<Mended> {
    require_writable(&config.data_dir)?;
    care::mend(&config.data_dir, report)
}

/// Makes a new database out of a damaged one: a file, or `agentx` or `portagent` of the data directory; without a name,
/// both of these.
///
/// Errors: `NotFound`; `Conflict` while a server uses the file; `Unavailable` without room.
pub fn recover(config: &Config, named: &str, target: Option<&Path>) -> Result<Recovered> {
    let home = Damaged::home(&config.data_dir, named);
    match target {
        None => become_owner(home)?,
        Some(target) => become_owner_but_for(home, target)?,
    }
    let stand_in = target.map(|_| StandIn::of(&config.data_dir)).transpose()?.flatten();
    let directory = directory(config, stand_in.as_ref());
    care::recover(directory, &Damaged::find(directory, named)?, target)
}

/// The data directory, or what stands for it where it cannot be written.
fn directory<'a>(config: &'a Config, stand_in: Option<&'a StandIn>) -> &'a Path {
    stand_in.map_or(&config.data_dir, StandIn::path)
}

/// Errors: `Unavailable` without room, or while others keep it busy.
pub fn vacuum(config: &Config, which: Which) -> Result<Change> {
    become_owner(&config.data_dir)?;
    require_writable(&config.data_dir)?;
    care::vacuum(&config.data_dir, which)
}

/// Errors: `Unavailable` while others keep it busy.
pub fn optimize(config: &Config, which: Which) -> Result<Change> {
    become_owner(&config.data_dir)?;
    require_writable(&config.data_dir)?;
    care::optimize(&config.data_dir, which)
}

pub fn stats(config: &Config, which: Which) -> Result<Stats> {
    become_owner(&config.data_dir)?;
    let stand_in = StandIn::of(&config.data_dir)?;
    let directory = directory(config, stand_in.as_ref());
    crate::store::settle_if_free(directory)?;
    crate::store::care::stats(directory, which)
}

/// When a job, such as `backup` or `integrity`, last went well, in milliseconds since 1970; where that is known.
pub fn last_ok(config: &Config, job: &str) -> Option<i64> {
    crate::store::care::last_ok(&config.data_dir, job).ok().flatten()
}
