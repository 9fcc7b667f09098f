//! What a connection writes: head and small body in one system call, and an end to waiting for a peer that takes
//! nothing.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::date::Date;
use super::response::{Persistence, Response};
use crate::http::limits::{FILE_PIECE_BYTES, ONE_WRITE_BYTES, Timeouts};

pub(crate) struct Output {
    stream: Arc<TcpStream>,
    timeouts: Timeouts,
    /// Kept between responses, so that most of them allocate nothing for their head.
    buffer: Vec<u8>,
    date: Date,
}

impl Output {
    pub(crate) fn new(stream: Arc<TcpStream>, timeouts: Timeouts) -> Self {
        Self { stream, timeouts, buffer: Vec::with_capacity(1024), date: Date::now() }
    }

    /// `bodiless`: the answer to a HEAD, which has the head that a GET would have.
    pub(crate) fn send(
        &mut self,
        response: &Response,
        id: &str,
        persistence: Persistence,
        bodiless: bool,
    ) -> io::Result<()> {
        self.date.refresh();
        self.buffer.clear();
        response.write_head(&mut self.buffer, id, persistence, &self.date);
        if let (Some((pieces, every)), false) = (response.pieces(), bodiless) {
            self.write_all(&self.buffer)?;
            return self.send_pieces(pieces, every);
        }
        if let (Some((file, bytes)), false) = (response.opened(), bodiless) {
            self.write_all(&self.buffer)?;
            return self.send_file(file, bytes);
        }
        if let (Some(stream), false) = (response.stream(), bodiless) {
            self.write_all(&self.buffer)?;
            return stream.send(persistence != Persistence::Unframed, &mut |bytes| self.write_all(bytes));
        }
        let body = if bodiless { &[] } else { response.body() };
        if body.len() <= ONE_WRITE_BYTES {
            self.buffer.extend_from_slice(body);
            return self.write_all(&self.buffer);
        }
        self.write_all(&self.buffer)?;
        self.write_all(body)
    }

    /// Holds this connection's thread for as long as it takes.
    fn send_pieces(&self, pieces: &[Vec<u8>], every: Duration) -> io::Result<()> {
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                std::thread::sleep(every);
            }
            self.write_all(piece)?;
        }
        Ok(())
    }

    /// Each piece has the time of a whole response, so that a large file may take as long as the client takes it.
    ///
    /// Errors: `UnexpectedEof` where the file is shorter than its head says.
    fn send_file(&self, file: &File, bytes: u64) -> io::Result<()> {
        let mut piece = vec![0; FILE_PIECE_BYTES];
        let mut sent = 0;
        while sent < bytes {
            let most = usize::try_from(bytes - sent).unwrap_or(FILE_PIECE_BYTES).min(FILE_PIECE_BYTES);
            let read = file.read_at(&mut piece[..most], sent)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.write_all(&piece[..read])?;
            sent += read as u64;
        }
        Ok(())
    }

    /// Tells a client that waits for it to go on with its body, RFC 9110 section 10.1.1.
    pub(crate) fn send_continue(&self) -> io::Result<()> {
        self.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// One write may stall for `write_stall` (the socket's own timeout), all together may take `write_total`.
    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut began = None;
        while !bytes.is_empty() {
            match (&*self.stream).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let began = *began.get_or_insert_with(Instant::now);
            if !bytes.is_empty() && began.elapsed() > self.timeouts.write_total {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }
}
