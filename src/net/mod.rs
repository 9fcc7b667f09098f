//! What all HTTP clients of ours have in common: which certificates they trust, and through which proxy they go.

mod agent;
mod certificate;
mod connector;
mod proxy;
mod roots;
pub mod sse;
mod verifier;

pub use agent::{Opener, agent, noting_agent, of_proxy};
pub use proxy::proxy_for;
pub use roots::trust_also;
pub use verifier::Expires;
