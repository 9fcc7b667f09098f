//! A body that is made while it is sent, in chunks, RFC 9112 section 7.1: its end is seen by the client, and so is that it
//! was cut off.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};

use crate::http::limits::FILE_PIECE_BYTES;

/// Writes the body. An error ends the connection in the middle of it.
pub(crate) type Produce = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

pub(crate) struct Stream(Cell<Option<Produce>>);

impl Stream {
    pub(crate) fn new(produce: Produce) -> Self {
        Self(Cell::new(Some(produce)))
    }

    /// Makes it and passes it on, once. Without chunks the end of the connection is its end.
    pub(crate) fn send(&self, chunked: bool, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let Some(produce) = self.0.take() else { return Ok(()) };
        let mut pieces = Pieces { pending: Vec::with_capacity(FILE_PIECE_BYTES), chunked, write };
        produce(&mut pieces)?;
        pieces.flush()?;
        if chunked { (pieces.write)(b"0\r\n\r\n") } else { Ok(()) }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Gathers what is written into pieces worth a system call.
struct Pieces<'a> {
    pending: Vec<u8>,
    chunked: bool,
    write: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.len() == FILE_PIECE_BYTES {
            self.flush()?;
        }
        let taken = bytes.len().min(FILE_PIECE_BYTES - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(()); // an empty chunk would be the end
        }
        if self.chunked {
            (self.write)(format!("{:x}\r\n", self.pending.len()).as_bytes())?;
            self.pending.extend_from_slice(b"\r\n");
        }
        let written = (self.write)(&self.pending);
        self.pending.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(chunked: bool, produce: Produce) -> (io::Result<()>, Vec<u8>) {
        let mut out = Vec::new();
        let outcome = Stream::new(produce).send(chunked, &mut |bytes| out.write_all(bytes));
        (outcome, out)
    }

    #[test]
    fn chunks_have_their_sizes_and_an_end() {
        let hello: fn(&mut dyn Write) -> io::Result<()> = |out| {
            out.write_all(b"hello ")?;
            out.write_all(b"world")
        };
        assert_eq!(sent(true, Box::new(hello)).1, b"b\r\nhello world\r\n0\r\n\r\n");
        assert_eq!(sent(false, Box::new(hello)).1, b"hello world");
        assert_eq!(sent(true, Box::new(|_| Ok(()))).1, b"0\r\n\r\n");
        let (_, large) = sent(true, Box::new(|out| out.write_all(&vec![b'x'; FILE_PIECE_BYTES + 1])));
        assert!(large.starts_with(b"10000\r\nxxx") && large.ends_with(b"x\r\n1\r\nx\r\n0\r\n\r\n"));
    }

    #[test]
    fn what_is_cut_off_has_no_end() {
        let (outcome, out) = sent(
            true,
            Box::new(|out| {
                out.write_all(b"half")?;
                Err(io::ErrorKind::Other.into())
            }),
        );
        assert!(outcome.is_err() && !out.ends_with(b"0\r\n\r\n"), "{out:?}");
    }
}
