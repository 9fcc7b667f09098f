//! SQLite itself: how a file is opened, and what its errors mean. Nothing here knows what is in our tables.

pub mod failure;
pub mod open;
pub mod rows;
