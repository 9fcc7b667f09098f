//! What a command does to the databases themselves, beside a running server or without one.

use crate::config::Config;
use crate::domain::Result;
use crate::ops::care;
pub use crate::ops::care::{Mended, Report};
pub use crate::store::care::{Finding, Level};

/// Looks at everything. Errors: `NotFound` where there is no data directory.
pub fn check(config: &Config, quick: bool) -> Result<Report> {
    care::inspect(&config.data_dir, quick)
}

/// Removes what belongs to nobody. Errors: `Conflict` where that cannot be known.
pub fn mend(config: &Config, report: &Report) -> Result<Mended> {
    care::mend(&config.data_dir, report)
}
