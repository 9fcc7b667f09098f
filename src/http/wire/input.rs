//! What a connection reads: one buffer that is bounded, and deadlines instead of timeouts per read, so that a peer
//! that sends a byte now and then gains nothing.

use std::io::{self, ErrorKind, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First size of the buffer and its most, in bytes. The most holds a whole head and what is read along with it.
const FIRST_BYTES: usize = 4 * 1024;
const MOST_BYTES: usize = crate::http::limits::HEAD_BYTES + FIRST_BYTES;
/// A socket's timeout may be so much longer than the deadline: changing it costs a system call.
const SLACK: Duration = Duration::from_millis(100);

pub(crate) struct Input {
    stream: Arc<TcpStream>,
    buffer: Vec<u8>,
    /// The part of `buffer` that was read and not used yet.
    start: usize,
    end: usize,
    /// What the socket's read timeout is set to.
    timeout: Duration,
}

impl Input {
    pub(crate) fn new(stream: Arc<TcpStream>) -> Self {
        Self { stream, buffer: Vec::new(), start: 0, end: 0, timeout: Duration::ZERO }
    }

    /// Read and not used yet.
    pub(crate) fn peek(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Waits for more bytes; 0 when the peer has ended or the buffer is full.
    ///
    /// Errors: `TimedOut` when the deadline passes first; what the socket says.
    pub(crate) fn fill(&mut self, deadline: Instant) -> io::Result<usize> {
        self.make_room();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            if self.timeout.is_zero() || self.timeout > left + SLACK {
                self.stream.set_read_timeout(Some(left))?;
                self.timeout = left;
            }
            match (&*self.stream).read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // The timeout was that of an earlier, nearer deadline: the next round sets it anew.
                    self.timeout = Duration::ZERO;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                let larger = (self.buffer.len() * 2).clamp(FIRST_BYTES, MOST_BYTES);
                self.buffer.resize(larger, 0);
            }
        }
    }

    /// What was read beyond the last request.
    pub(crate) fn into_leftover(self) -> Vec<u8> {
        self.peek().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, Input) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let far = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
        let (near, _) = listener.accept().expect("accept");
        (far, Input::new(Arc::new(near)))
    }

    #[test]
    fn a_deadline_holds_whatever_trickles_in() {
        let (mut far, mut input) = pair();
        far.write_all(b"a").expect("write");
        let deadline = Instant::now() + Duration::from_millis(150);
        assert_eq!(input.fill(deadline).expect("a byte"), 1);
        let error = input.fill(deadline).expect_err("nothing more comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        far.write_all(b"b").expect("write");
        assert_eq!(input.fill(Instant::now() + Duration::from_secs(5)).expect("a later deadline"), 1);
        assert_eq!(input.peek(), b"ab");
    }

    #[test]
    fn the_buffer_is_bounded() {
        let (mut far, mut input) = pair();
        far.write_all(&vec![b'x'; MOST_BYTES + 100]).expect("write");
        let deadline = Instant::now() + Duration::from_secs(5);
        while input.fill(deadline).expect("read") > 0 {}
        assert_eq!(input.peek().len(), MOST_BYTES);
    }
}
