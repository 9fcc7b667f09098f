//! Bytes on the socket ↔ requests and responses, within limits.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod content_disposition;
pub(crate) mod date;
pub(crate) mod failure;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod ids;
pub(crate) mod input;
pub(crate) mod multipart;
pub(crate) mod output;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod stream;
