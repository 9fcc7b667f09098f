//! What runs by itself.

mod watch;

pub use watch::Watch;
