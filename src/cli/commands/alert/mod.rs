//! `portagent alert …`: who is told when something is wrong.

pub(in crate::cli) mod test;
