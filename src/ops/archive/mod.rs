//! The archive of a backup: a `.tar.gz` that every tar opens, and that says of itself whether it is whole.
//!
//! ```text
//! manifest.json        versions, and for each database its schema, size, SHA-256 and rows
//! data/agentx.db       ┐ each a single file that `cp` puts in place
//! data/portagent.db    ┘
//! jwt-secret           the key that signs tokens, where it is known
//! settings.env         the settings that differ from their defaults, as an env file
//! mcp.json             the declared tool servers, where there are any
//! containers/…         agents' files: files, directories, symbolic links (never followed)
//! SHA256SUMS           of every file above, for `sha256sum -c`
//! ```
//!
//! Exactly in this order, so that it is written and read in one pass, in memory that does not grow with its size.
//! Behind the compressed tar stands a seal (see `seal`), which makes every byte of the file count. All of it may be
//! encrypted (see `crypt`).

mod crypt;
mod error;
mod hashing;
mod layout;
mod manifest;
mod names;
mod destination;
mod read;
mod seal;
mod sums;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use crypt::{Decryption, Encrypting, Encryption, is_encrypted};
pub use layout::{SERVERS, SERVERS_BYTES};
pub use manifest::{DatabaseFacts, FORMAT, FilesFacts, Manifest};
pub use names::Names;
pub(super) use verify::verify_in;
pub use verify::{Opened, Report, extract_to, open, verify};
pub use write::{Meta, Writer};
