//! What runs by itself.

mod watch;
mod watchdog;

pub use watch::Watch;
pub use watchdog::Watchdog;
