//! `portagent alert …`: alert channels.

pub(in crate::cli) mod test;
