//! `portagent db …`: the databases themselves.

pub(in crate::cli) mod check;
