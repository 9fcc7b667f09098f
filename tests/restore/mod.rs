//! Going back to a backup, by hand or by command.

mod command;
mod stale_log;
