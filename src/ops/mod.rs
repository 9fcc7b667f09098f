//! Operations: what the server does automatically, and what the operator's commands do.

mod alerts;
pub mod archive;
pub mod backup;
pub mod care;
pub mod doctor;
mod indexing;
mod meter;
mod owner;
mod partial;
pub mod people;
pub mod restore;
mod scheduler;
mod space;
pub mod stand_in;
mod watch;
mod watchdog;
mod worker;

pub use alerts::{AlertOptions, alerts, test as alert_test};
pub use indexing::indexing;
pub use meter::{Meter, Pace, Progress};
pub use owner::{become_owner, become_owner_but_for};
pub use scheduler::{Job, When, recorded, schedule};
pub use watch::watch;
pub use watchdog::Watchdog;
pub use worker::{Stop, Worker};
