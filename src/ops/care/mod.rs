//! Care for the databases: checks, recovery, and the automatic jobs.

mod inspect;
mod jobs;
mod marker;
mod recover;
mod tend;
mod tidy;

pub use inspect::{Mended, Report, inspect, mend};
pub use jobs::{files_job, integrity_job, optimize_job};
pub use marker::Marker;
pub use recover::{Damaged, Recovered, recover};
pub use tend::{Change, optimize, vacuum};
pub use tidy::tidy;
