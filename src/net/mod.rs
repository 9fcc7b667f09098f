//! What all HTTP clients of ours have in common: which certificates they trust, and through which proxy they go.

mod proxy;
mod roots;
pub mod sse;

pub use proxy::proxy_for;
pub use roots::{tls, tls_trusting};
