//! SQLite itself: how a file is opened, and what its errors mean. Nothing here knows what is in our tables.

pub mod failure;
mod ids;
pub mod open;
pub mod rows;
