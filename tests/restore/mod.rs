//! Going back to a backup, by hand or by command.

mod command;
mod disk;
mod encrypted;
mod stale_log;
