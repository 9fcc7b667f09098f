//! The seal: the end of an archive, which makes every byte of it count.
//!
//! gzip checks what it unpacks, and nothing else: flags and time in its header and the bits behind the last block can
//! be anything. So behind the gzip member with the tar stands a second one, empty, whose comment holds the SHA-256 of
//! everything before it. Whatever unpacks gzip skips it (RFC 1952 section 2.2: a file is a series of members); we
//! demand it byte for byte, so a byte that changed is found wherever it is, the seal's own included.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::hashing::Hashing;
use crate::domain::id::hex;

/// RFC 1952 section 2.3: magic, deflate, FCOMMENT; no time; no flags, unknown system.
const HEAD: &[u8] = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff";
const COMMENT: &[u8] = b"portagent sha256 ";
const HEX: usize = 64;
/// The comment's end; an empty final block (RFC 1951 section 3.2.6); CRC and length of nothing.
const TAIL: &[u8] = b"\0\x03\0\0\0\0\0\0\0\0\0";
pub const SEAL_BYTES: usize = HEAD.len() + COMMENT.len() + HEX + TAIL.len();

const BUFFER_BYTES: usize = 64 * 1024;

fn seal(digest: &[u8]) -> Vec<u8> {
    [HEAD, COMMENT, hex(digest).as_bytes(), TAIL].concat()
}

/// Ends what was written with its seal.
pub fn finish<W: Write>(mut written: Hashing<W>) -> io::Result<W> {
    let digest = written.digest();
    written.inner.write_all(&seal(&digest))?;
    Ok(written.inner)
}

/// Reads what is before the seal, and then says whether the seal is that of what was read. It holds the last bytes
/// back, because the length of a stream that is decrypted is not known before its end.
pub struct SealReader<R> {
    inner: R,
    digest: Sha256,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl<R: Read> SealReader<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, digest: Sha256::new(), buffer: Vec::new(), start: 0, ended: false }
    }

    /// After the last byte was read: whether what was read is sealed.
    pub fn is_sealed(&self) -> bool {
        self.ended && self.buffer[self.start..] == seal(&self.digest.clone().finalize())[..]
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        while !self.ended && self.buffer.len() <= SEAL_BYTES {
            let kept = self.buffer.len();
            self.buffer.resize(kept + BUFFER_BYTES, 0);
            let read = self.inner.read(&mut self.buffer[kept..]);
            self.buffer.truncate(kept + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.ended = true,
                Err(cause) if cause.kind() != io::ErrorKind::Interrupted => return Err(cause),
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for SealReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffer.len() - self.start <= SEAL_BYTES && !self.ended {
            self.fill()?;
        }
        let ready = (self.buffer.len() - self.start).saturating_sub(SEAL_BYTES).min(into.len());
        let bytes = &self.buffer[self.start..self.start + ready];
        self.digest.update(bytes);
        into[..ready].copy_from_slice(bytes);
        self.start += ready;
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content: &[u8]) -> Vec<u8> {
        let mut writer = Hashing::new(Vec::new());
        writer.write_all(content).unwrap();
        finish(writer).unwrap()
    }

    fn unsealed(bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut reader = SealReader::new(bytes);
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        (content, reader.is_sealed())
    }

    #[test]
    fn what_is_sealed_comes_back() {
        for length in [0, 1, SEAL_BYTES, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES] {
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert_eq!(unsealed(&sealed(&content)), (content, true), "{length}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_found() {
        let good = sealed(b"something");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            assert!(!unsealed(&bad).1, "changed at {at}");
            assert!(!unsealed(&good[..at]).1, "cut at {at}");
        }
        assert!(!unsealed(&[&good[..], b"x"].concat()).1, "something behind it");
    }

    #[test]
    fn it_is_an_empty_gzip_member() {
        let mut nothing = Vec::new();
        let sealed = sealed(b"");
        flate2::read::GzDecoder::new(&sealed[..]).read_to_end(&mut nothing).unwrap();
        assert_eq!((nothing.len(), sealed.len()), (0, SEAL_BYTES));
    }
}
