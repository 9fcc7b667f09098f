//! Care for what lasts: checks, tidying, and what happens by itself about them.

mod inspect;
mod recover;

pub use inspect::{Mended, Report, inspect, mend};
pub use recover::{Damaged, Recovered, recover};
