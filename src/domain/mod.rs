//! The words everybody here speaks: pure types and rules, no I/O, no wire format.
//!
//! What the wire and the tables call an *image* is a *conversation* in this code.

pub mod attachment;
pub mod budget;
pub mod bytes;
pub mod cancel;
pub mod clock;
mod common_passwords;
pub mod conversation;
pub mod error;
pub mod event;
pub mod finding;
pub mod halves;
pub mod id;
pub mod limits;
pub mod loose_json;
pub mod media;
pub mod message;
pub mod money;
pub mod price;
pub mod profile;
pub mod provider;
pub mod secret;
mod stop_reason;
pub mod suggest;
pub mod text;
pub mod tool;
pub mod user;
pub mod vendor;
pub mod web_address;
pub mod web_origin;

pub use cancel::Cancel;
pub use error::{Code, Error, Kind, Result};
pub use stop_reason::StopReason;
