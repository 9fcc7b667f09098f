//! As a service of systemd: what we tell it, the unit that we give it, and how that is installed.

mod install;
mod notify;
mod unit;
