//! The one port that everybody can reach: what it answers, what it withstands, and what it leaves behind in the log.

mod attacks;
mod data_dir;
mod frames;
mod logs;
mod page;
mod protocol;
mod stop;
mod under_fire;
