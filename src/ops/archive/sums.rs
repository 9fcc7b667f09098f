//! `SHA256SUMS`: a line for every file, as `sha256sum -c` reads them. The writer of an archive keeps the lines in a
//! temporary file until its end; the reader keeps their digest only. So neither needs memory for a million files.

use sha2::{Digest as _, Sha256};

use crate::domain::id::hex;

/// One line of the file.
pub fn line(name: &[u8], digest: &[u8]) -> Vec<u8> {
    let needs_escape = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r');
    let mut line = Vec::with_capacity(name.len() + 68);
    if name.iter().any(needs_escape) {
        line.push(b'\\'); // coreutils' way to say that the name is escaped
    }
    line.extend_from_slice(hex(digest).as_bytes());
    line.extend_from_slice(b"  ");
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

/// The lines of an archive that is read.
#[derive(Default)]
pub struct Expected {
    digest: Sha256,
    bytes: u64,
}

impl Expected {
    pub fn add(&mut self, name: &[u8], digest: &[u8]) {
        let line = line(name, digest);
        self.bytes += line.len() as u64;
        self.digest.update(&line);
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_coreutils() {
        let check = |name: &[u8], expected: &str| {
            assert_eq!(line(name, &[0xab; 2]), expected.as_bytes(), "{name:?}");
        };
        check(b"data/agentx.db", "abab  data/agentx.db\n");
        check(b"a b", "abab  a b\n");
        check(b"a\nb\\c\r", "\\abab  a\\nb\\\\c\\r\n");
    }
}
