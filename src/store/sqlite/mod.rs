//! SQLite itself: how a file is opened, and what its errors mean. Nothing here knows what is in our tables.

pub mod failure;
pub mod header;
mod ids;
pub mod open;
pub mod programs;
pub mod rows;
pub mod verdict;
pub mod wal;
