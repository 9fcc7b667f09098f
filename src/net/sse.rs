//! Server-sent events, read as they come (HTML Living Standard, section 9.2.6 "Interpreting an event stream").
//!
//! Whatever one `read` gives is looked at at once, so an event is handed on as soon as its blank line is there. Only
//! `data` is handed on; ids and the time to wait are kept for those who ask for a stream again, names and comments are
//! skipped.

use std::io::{self, Read};
use std::time::Duration;

use crate::domain::limits::ANSWER_BYTES;

/// What is read from the connection at once, in bytes.
const READ_BYTES: usize = 8 * 1024;
/// One line, in bytes: the longest real ones are encrypted thinking.
const LINE_BYTES: usize = 1024 * 1024;
/// The data of one event, in bytes.
const EVENT_BYTES: usize = 2 * 1024 * 1024;
/// An id, in bytes.
const ID_BYTES: usize = 1024;
/// One whole stream, in bytes: a few bytes of text come in some 130 bytes of wrapping.
const STREAM_BYTES: u64 = 32 * ANSWER_BYTES as u64;

/// Why a stream cannot be read further.
#[derive(Debug)]
pub enum Trouble {
    Read(io::Error),
    /// A limit of ours, named.
    TooLong(&'static str),
}

/// The events of a stream, one after the other.
pub struct Events<R> {
    source: R,
    buffer: Box<[u8]>,
    /// What of `buffer` has been read and not been looked at.
    start: usize,
    end: usize,
    line: Vec<u8>,
    data: String,
    /// The last line ended with a CR: an LF that follows belongs to it.
    after_cr: bool,
    first_line: bool,
    total: u64,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl<R: Read> Events<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            line: Vec::new(),
            data: String::new(),
            after_cr: false,
            first_line: true,
            total: 0,
            last_id: None,
            retry: None,
        }
    }

    /// The data of the next event; `None` at the end of the stream. An event whose lines are whole counts even where
    /// the stream ends without the blank line: some servers leave it out.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend what it reads")]
    pub fn next(&mut self) -> Result<Option<&str>, Trouble> {
        self.data.clear();
        let mut has_data = false;
        while self.read_line()? {
            if self.line.is_empty() {
                if has_data {
                    break;
                }
                continue;
            }
            self.take_place();
            if let Some(value) = value_of(&self.line, "data") {
                if has_data {
                    self.data.push('\n');
                }
                has_data = true;
                self.data.push_str(&String::from_utf8_lossy(value));
                if self.data.len() > EVENT_BYTES {
                    return Err(Trouble::TooLong("an event"));
                }
            }
        }
        Ok(has_data.then_some(self.data.as_str()))
    }

    /// The id of the last event that had one.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long to wait before the stream is asked for again, where the server says.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn take_place(&mut self) {
        let text = |name| value_of(&self.line, name).and_then(|value| std::str::from_utf8(value).ok());
        if let Some(id) = text("id").filter(|id| id.len() <= ID_BYTES && !id.contains('\0')) {
            self.last_id = Some(id.to_owned()).filter(|id| !id.is_empty());
        } else if let Some(retry) = text("retry").and_then(|retry| retry.parse().ok()) {
            self.retry = Some(Duration::from_millis(retry));
        }
    }

    /// The next line that is not blank, where a stream is a line an object; `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<&str>, Trouble> {
        self.data.clear();
        // A last line without its end counts.
        while self.read_line()? || !self.line.is_empty() {
            if !self.line.trim_ascii().is_empty() {
                self.data.push_str(&String::from_utf8_lossy(&self.line));
                return Ok(Some(self.data.as_str()));
            }
        }
        Ok(None)
    }

    /// Reads one line, without its end, into `line`. Says whether there was one.
    fn read_line(&mut self) -> Result<bool, Trouble> {
        self.line.clear();
        loop {
            if self.start == self.end && !self.fill()? {
                return Ok(false);
            }
            if self.after_cr {
                self.after_cr = false;
                if self.buffer[self.start] == b'\n' {
                    self.start += 1;
                    continue;
                }
            }
            let fresh = &self.buffer[self.start..self.end];
            let found = fresh.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let taken = found.unwrap_or(fresh.len());
            if self.line.len() + taken > LINE_BYTES {
                return Err(Trouble::TooLong("a line"));
            }
            self.line.extend_from_slice(&fresh[..taken]);
            self.start += taken;
            if found.is_some() {
                self.after_cr = self.buffer[self.start] == b'\r';
                self.start += 1;
                self.skip_byte_order_mark();
                return Ok(true);
            }
        }
    }

    fn fill(&mut self) -> Result<bool, Trouble> {
        let count = loop {
            match self.source.read(&mut self.buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Read(error)),
            }
        };
        self.total += count as u64;
        if self.total > STREAM_BYTES {
            return Err(Trouble::TooLong("the stream"));
        }
        (self.start, self.end) = (0, count);
        Ok(count > 0)
    }

    fn skip_byte_order_mark(&mut self) {
        if std::mem::take(&mut self.first_line) && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
    }
}

fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name.as_bytes())?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of the given size.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn check(input: &str, expected: &[&str]) {
        for size in [1, 2, 3, 7, 100_000] {
            let mut events = Events::new(Drip(input.as_bytes(), size));
            let mut seen = Vec::new();
            while let Some(data) = events.next().expect("readable") {
                seen.push(data.to_owned());
            }
            assert_eq!(seen, expected, "{input:?} in pieces of {size}");
        }
    }

    #[test]
    fn events_in_all_spellings() {
        check("", &[]);
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata:b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("data: one\ndata: two\ndata\n\n", &["one\ntwo\n"]);
        check(": hello\nevent: ping\nid: 7\nretry: 10\ndata:  x\n\n", &[" x"]);
        check("event: ping\n\n\n\ndata: x\n\n", &["x"]);
        check("\u{feff}data: bom\n\n", &["bom"]);
        check("data: 你好，世界 🎉\n\n", &["你好，世界 🎉"]);
        check("database: no\n\ndata: yes\n\n", &["yes"]);
        check("data: no blank line\n", &["no blank line"]);
        check("data: whole\ndata: torn off", &["whole"]);
    }

    #[test]
    fn where_a_stream_is_and_how_long_to_wait_are_kept() {
        let check = |input: &str, id: Option<&str>, retry: Option<u64>| {
            let mut events = Events::new(input.as_bytes());
            while events.next().expect("readable").is_some() {}
            assert_eq!((events.last_id(), events.retry()), (id, retry.map(Duration::from_millis)), "{input:?}");
        };
        check("data: a\n\n", None, None);
        check("id: 7\nretry: 500\ndata:\n\nid: 8\ndata: x\n\n", Some("8"), Some(500));
        check("id: 7\ndata: a\n\nid\ndata: b\n\n", None, None);
        check("id: a\0b\nretry: soon\ndata: a\n\n", None, None);
    }

    #[test]
    fn lines_and_events_have_a_limit() {
        let long = vec![b'x'; LINE_BYTES + 1];
        assert!(matches!(Events::new(&long[..]).next(), Err(Trouble::TooLong("a line"))));
        let line = [b"data: ".as_slice(), &vec![b'x'; LINE_BYTES - 6], b"\n"].concat();
        let many = line.repeat(3);
        assert!(matches!(Events::new(&many[..]).next(), Err(Trouble::TooLong("an event"))));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_it() {
        let mut events = Events::new(&b"data: a\xffb\n\n"[..]);
        assert_eq!(events.next().expect("readable"), Some("a\u{fffd}b"));
    }
}
