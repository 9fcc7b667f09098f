//! Care for what lasts: checks, tidying, and what happens by itself about them.

mod inspect;

pub use inspect::{Mended, Report, inspect, mend};
