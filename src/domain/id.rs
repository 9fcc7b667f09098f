//! Identifiers, one type each, so that no function can be handed the wrong one. Every event of a turn carries
//! several: a copy costs a count, not an allocation.

use std::fmt;
use std::sync::Arc;

/// Longest id that we look up at all, in bytes: ours have at most 41; those taken over from 1.9 may be odd.
pub const MAX_ID_BYTES: usize = 128;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A fresh one: 122 random bits behind its prefix.
            pub fn random() -> Self {
                Self(format!(concat!($prefix, "{}"), uuid_v4()).into())
            }

            /// An id that came from outside. Its form proves nothing: it still has to be looked up under its owner.
            pub fn from_outside(text: &str) -> Self {
                Self(text.chars().take(MAX_ID_BYTES).collect::<String>().into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    UserId "";
    /// What belongs to one user: `user-<uuid>`.
    ContainerId "user-";
    /// A conversation; the wire and the tables call it an image.
    ConversationId "img_";
    /// The stream of events of one conversation.
    SessionId "sess_";
    MessageId "msg_";
    /// One question and everything that is done to answer it.
    TurnId "turn_";
    /// A file that a person has uploaded.
    FileId "file_";
    /// One login: the `jti` of its token.
    LoginId "";
}

/// A random (version 4) UUID, as RFC 9562 section 5.4 writes it.
pub fn uuid_v4() -> String {
    let mut bytes: [u8; 16] = random_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(&mut text, *byte);
    }
    text
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut text, *byte);
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0x0f] {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
    }
}

/// Bytes from the kernel's generator. Without one nothing here can be safe, so its absence ends the thread.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "no randomness, no security: there is no way to go on")]
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_behind_their_prefix() {
        let id = ContainerId::random();
        let uuid = id.as_str().strip_prefix("user-").expect("prefix");
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(id, ContainerId::random());
    }

    #[test]
    fn an_id_from_outside_is_cut() {
        assert_eq!(UserId::from_outside(&"x".repeat(10_000)).as_str().len(), MAX_ID_BYTES);
    }
}
