//! What runs by itself.

mod scheduler;
mod watch;
mod watchdog;

pub use scheduler::{Job, Scheduler, Stop, When};
pub use watch::Watch;
pub use watchdog::Watchdog;
