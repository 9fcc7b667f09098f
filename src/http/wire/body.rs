//! A request's body: by its length or in chunks, never more than the route takes, never slower than the least rate. It
//! goes to a sink piece by piece: into memory, or to where a handler wants it.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::failure::{Failure, HandlerResult};
use super::head::Framing;
use super::input::Input;
use super::response::Response;
use crate::http::limits::{BODY_BYTES_PER_SECOND, CHUNK_LINE_BYTES, TRAILER_LINES};

/// What is set aside for a body when its first bytes have come: a promise costs us no more than this.
const FIRST_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) enum BodyError {
    /// To be answered.
    Refused(Failure),
    /// The client is gone.
    Gone,
}

/// Where a body goes. A refusal ends it.
pub(crate) trait Sink {
    fn take(&mut self, bytes: &[u8]) -> HandlerResult<()>;
}

/// What takes a body as it comes, and answers when it was whole.
pub(crate) trait Receiver: Sink {
    fn finish(self: Box<Self>) -> HandlerResult<Response>;
}

/// Into memory.
impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) -> HandlerResult<()> {
        if self.capacity() == 0 {
            self.reserve(bytes.len().min(FIRST_BYTES));
        }
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads it all. Errors: 400, 408, 413, and those of the sink, after which the connection cannot go on.
pub(crate) fn read(
    input: &mut Input,
    framing: Framing,
    limit: usize,
    grace: Duration,
    sink: &mut dyn Sink,
) -> Result<(), BodyError> {
    let mut reader = Reader { input, began: Instant::now(), grace, sink, taken: 0, limit };
    match framing {
        Framing::Empty => Ok(()),
        Framing::Length(length) => reader.take(length),
        Framing::Chunked => reader.take_chunks(),
    }
}

struct Reader<'a> {
    input: &'a mut Input,
    began: Instant,
    grace: Duration,
    sink: &'a mut dyn Sink,
    /// Bytes so far.
    taken: usize,
    limit: usize,
}

impl Reader<'_> {
    /// Passes `length` bytes on.
    fn take(&mut self, length: u64) -> Result<(), BodyError> {
        let room = (self.limit - self.taken) as u64;
        if length > room {
            return Err(Failure::body_too_large(self.limit).into());
        }
        // It fits a usize: it is no more than `limit`.
        let mut missing = length as usize;
        while missing > 0 {
            if self.input.peek().is_empty() {
                self.fill()?;
            }
            let ready = self.input.peek();
            let taken = ready.len().min(missing);
            self.sink.take(&ready[..taken])?;
            self.input.consume(taken);
            self.taken += taken;
            missing -= taken;
        }
        Ok(())
    }

    /// RFC 9112 section 7.1. Extensions and trailers are read and forgotten.
    fn take_chunks(&mut self) -> Result<(), BodyError> {
        loop {
            let size = self.line().and_then(|line| Ok(chunk_size(&line)?))?;
            if size == 0 {
                break;
            }
            self.take(size)?;
            if !self.line()?.is_empty() {
                return Err(Failure::malformed("A chunk is longer than its size").into());
            }
        }
        for _ in 0..=TRAILER_LINES {
            if self.line()?.is_empty() {
                return Ok(());
            }
        }
        Err(Failure::head_too_large().into())
    }

    /// The next line without its CRLF.
    fn line(&mut self) -> Result<Vec<u8>, BodyError> {
        let mut seen = 0;
        loop {
            let ready = self.input.peek();
            let end = ready[seen..].iter().position(|byte| *byte == b'\n').map(|at| at + seen);
            if end.unwrap_or(ready.len()) > CHUNK_LINE_BYTES {
                return Err(Failure::malformed("A line of the chunked body is too long").into());
            }
            if let Some(lf) = end {
                let line = ready[..lf].strip_suffix(b"\r").filter(|line| !line.contains(&b'\r')).map(<[u8]>::to_vec);
                self.input.consume(lf + 1);
                return line.ok_or_else(|| Failure::malformed("A line of the chunked body is malformed").into());
            }
            seen = ready.len();
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), BodyError> {
        let earned = Duration::from_secs(self.taken as u64 / BODY_BYTES_PER_SECOND);
        match self.input.fill(self.began + self.grace + earned) {
            Ok(0) => Err(BodyError::Gone),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// One to sixteen hexadecimal digits, then perhaps extensions.
fn chunk_size(line: &[u8]) -> Result<u64, Failure> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Failure::malformed("A chunk's size is malformed"));
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Failure::malformed("A chunk's size is malformed"))
}

impl From<Failure> for BodyError {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Self::Refused(Failure::timeout()),
            _ => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use super::*;

    /// The status of the refusal; 0 where the peer went away.
    fn check(wire: &str, framing: Framing, limit: usize, expected: Result<&str, u16>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let mut far = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
        let mut input = Input::new(Arc::new(listener.accept().expect("accept").0));
        far.write_all(wire.as_bytes()).expect("write");
        far.shutdown(std::net::Shutdown::Write).expect("shutdown");
        let mut body = Vec::new();
        let got = read(&mut input, framing, limit, Duration::from_secs(5), &mut body);
        let got = got.map(|()| String::from_utf8_lossy(&body).into_owned()).map_err(|error| match error {
            BodyError::Refused(failure) => failure.status,
            BodyError::Gone => 0,
        });
        assert_eq!(got, expected.map(str::to_owned), "{wire:?}");
    }

    #[test]
    fn bodies() {
        check("hello world", Framing::Length(5), 10, Ok("hello"));
        check("", Framing::Empty, 10, Ok(""));
        check("hell", Framing::Length(5), 10, Err(0));
        check("hello", Framing::Length(u64::MAX), 10, Err(413));
        check("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", Framing::Chunked, 20, Ok("hello world"));
        check("0\r\nX: y\r\n\r\n", Framing::Chunked, 20, Ok(""));
        check("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Framing::Chunked, 10, Err(413));
        check("ffffffffffffffff\r\n", Framing::Chunked, 10, Err(413));
        for bad in
            ["x\r\n", "\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "11111111111111111\r\n", "1 1\r\n", "1\na"]
        {
            check(bad, Framing::Chunked, 10, Err(400));
        }
        check("1\r\nab\r\n0\r\n\r\n", Framing::Chunked, 10, Err(400));
        check("1\r\na\n0\r\n\r\n", Framing::Chunked, 10, Err(400));
        check(&format!("1;{}\r\n", "x".repeat(4000)), Framing::Chunked, 10, Err(400));
        check(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(100)), Framing::Chunked, 10, Err(431));
    }

    #[test]
    fn a_body_that_stops_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let mut far = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
        let mut input = Input::new(Arc::new(listener.accept().expect("accept").0));
        far.write_all(b"hel").expect("write");
        let got = read(&mut input, Framing::Length(5), 10, Duration::from_millis(100), &mut Vec::new());
        assert!(matches!(got, Err(BodyError::Refused(failure)) if failure.status == 408));
    }
}
