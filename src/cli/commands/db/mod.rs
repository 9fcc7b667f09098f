//! `portagent db …`: the databases themselves.

pub(in crate::cli) mod check;
pub(in crate::cli) mod recover;
