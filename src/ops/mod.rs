//! What runs by itself.

mod alerts;
pub mod archive;
pub mod backup;
pub mod care;
pub mod doctor;
mod meter;
mod partial;
pub mod people;
pub mod restore;
mod scheduler;
mod space;
mod watch;
mod watchdog;

pub use alerts::{AlertOptions, Alerts, test as alert_test};
pub use meter::{Meter, Pace, Progress};
pub use scheduler::{Job, Scheduler, Stop, When};
pub use watch::Watch;
pub use watchdog::Watchdog;
