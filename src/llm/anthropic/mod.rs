//! The Anthropic Messages API: what we send, what streams back, and what its errors mean.
//! <https://docs.anthropic.com/en/api/messages>, version 2023-06-01.

pub(super) mod errors;
mod event;
mod history;
pub(super) mod request;
pub(super) mod stream;
mod wire;
