//! Just enough HTTP/1.1 for our own client: one request a connection. It listens on loopback, where every user of the
//! machine can reach it, so a stranger holds nothing for long: the head has its time, and the body is read for those who
//! know the key.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A request's head, in bytes, and what it may take to come.
const HEAD_BYTES: usize = 16 * 1024;
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long one read of a body, or one write, may block.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read and thrown away behind a refusal, so that its client sees it and not a reset: bytes, and for how long.
const WASTE_BYTES: usize = 256 * 1024;
const WASTE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Head {
    pub method: String,
    /// Without the query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// The beginning of the body, which came with it.
    rest: Vec<u8>,
}

impl Head {
    /// Errors: it did not come in time, is too long, or is no HTTP.
    pub(super) fn read(mut stream: &TcpStream) -> io::Result<Self> {
        stream.set_write_timeout(Some(PATIENCE))?;
        let until = Instant::now() + HEAD_PATIENCE;
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                return Self::parse(&String::from_utf8_lossy(&bytes), rest)
                    .ok_or_else(|| ErrorKind::InvalidData.into());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || bytes.len() > HEAD_BYTES {
                return Err(ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&piece[..count]),
            }
        }
    }

    fn parse(text: &str, rest: Vec<u8>) -> Option<Self> {
        let mut lines = text.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let path = target.split('?').next().unwrap_or(target).to_owned();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { method, path, headers: lines.filter_map(pair).collect(), rest })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The whole body. Errors: its length is not known or more than that, or it does not come.
    pub(super) fn body(self, stream: &TcpStream, most: usize) -> io::Result<Vec<u8>> {
        let length = self.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let length = length.filter(|length| *length <= most).ok_or(ErrorKind::InvalidData)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let missing = length.saturating_sub(self.rest.len());
        let mut body = self.rest;
        let read = stream.take(missing as u64).read_to_end(&mut body)?;
        if read < missing { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(body) }
    }
}

/// Answers with JSON, and ends the connection.
pub(super) fn respond(mut stream: &TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} Demo\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // The client may be gone.
    let sent = stream.write_all((head + body).as_bytes()).and_then(|()| stream.shutdown(Shutdown::Write));
    let (until, mut waste, mut read) = (Instant::now() + WASTE_PATIENCE, [0; 4096], 0);
    while sent.is_ok() && read < WASTE_BYTES {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut waste) {
            Ok(count @ 1..) => read += count,
            Ok(0) | Err(_) => return,
        }
    }
}

/// The same for one that there is no place for: nothing is waited for.
pub(super) fn turn_away(mut stream: &TcpStream) {
    let refusal = b"HTTP/1.1 529 Overloaded\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(refusal));
    let _ = stream.shutdown(Shutdown::Write);
}
