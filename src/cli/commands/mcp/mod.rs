//! `portagent mcp …`: servers of tools.

pub(in crate::cli) mod add;
pub(in crate::cli) mod list;
pub(in crate::cli) mod remove;
pub(in crate::cli) mod test;
