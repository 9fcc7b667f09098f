//! One message a line: bytes that become lines, whatever pieces they come in.

/// One message of a server, in bytes: room for a picture of 5 MB in base64.
pub(super) const LINE_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that become lines.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// False when a line is too long.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) -> bool {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if self.0.is_empty() {
                line(&bytes[..end]);
            } else {
                self.0.extend_from_slice(&bytes[..end]);
                line(&self.0);
                self.0 = Vec::new(); // a long one is not kept for the next
            }
            bytes = &bytes[end + 1..];
        }
        self.0.extend_from_slice(bytes);
        self.0.len() <= LINE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_lines() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in ["a\nb", "c", "\n\nd\r\n"] {
            assert!(lines.feed(piece.as_bytes(), |line| found.push(String::from_utf8_lossy(line).into_owned())));
        }
        assert_eq!(found, ["a", "bc", "", "d\r"]);
        assert!(lines.feed(&vec![b'x'; LINE_BYTES], |_| {}));
        assert!(!lines.feed(b"x", |_| {}));
    }
}
