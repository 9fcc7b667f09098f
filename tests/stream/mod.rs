//! Watching a turn: with closed browsers, broken connections, several tabs, and readers who do not read.

mod closed;
mod reconnect;
mod slow;
mod snapshots;
mod tabs;
