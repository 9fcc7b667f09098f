//! What a file is, judged by its content. A name proves nothing, nor does what a client says.

/// The types that are told apart. Everything else is bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Jpeg,
    Png,
    Gif,
    Webp,
    Pdf,
    /// UTF-8 without control characters but those of plain text.
    Text,
    Binary,
}

impl Media {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain",
            Self::Binary => "application/octet-stream",
        }
    }

    /// What is not known is bytes.
    pub fn from_text(text: &str) -> Self {
        let known = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp, Self::Pdf, Self::Text];
        known.into_iter().find(|media| media.as_str() == text).unwrap_or(Self::Binary)
    }

    /// A picture that browsers decode safely.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Gif | Self::Webp)
    }
}

/// So many bytes tell what a file is, unless it is text.
const HEAD_BYTES: usize = 12;

/// Reads a file as it comes and says at its end what it is.
#[derive(Debug)]
pub struct Sniffer {
    head: Vec<u8>,
    is_text: bool,
    /// The beginning of a character whose rest comes with the next bytes.
    cut: Vec<u8>,
}

impl Default for Sniffer {
    fn default() -> Self {
        Self { head: Vec::with_capacity(HEAD_BYTES), is_text: true, cut: Vec::new() }
    }
}

impl Sniffer {
    pub fn take(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        if self.is_text {
            self.is_text = self.reads_as_text(bytes);
        }
    }

    fn reads_as_text(&mut self, mut bytes: &[u8]) -> bool {
        // A character has at most four bytes: the cut one is whole after three more, or is none.
        while !self.cut.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return true };
            self.cut.push(*first);
            bytes = rest;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        let whole = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return false,
        };
        self.cut = bytes[whole..].to_vec();
        !bytes[..whole].iter().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
    }

    /// Of a file whose beginning was taken only.
    pub fn media_so_far(&self) -> Media {
        let is_cut_text = self.is_text && !self.cut.is_empty();
        if is_cut_text { Media::Text } else { self.media() }
    }

    pub fn media(&self) -> Media {
        let head = self.head.as_slice();
        match head {
            [0xff, 0xd8, 0xff, ..] => Media::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Media::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Media::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Media::Webp,
            _ if head.starts_with(b"%PDF-") => Media::Pdf,
            _ if self.is_text && self.cut.is_empty() => Media::Text,
            _ => Media::Binary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8], piece: usize) -> Media {
        let mut sniffer = Sniffer::default();
        bytes.chunks(piece).for_each(|piece| sniffer.take(piece));
        sniffer.media()
    }

    #[test]
    fn content_says_what_a_file_is() {
        let check = |bytes: &[u8], expected: Media| {
            for piece in [1, 2, 3, 5, 1000] {
                assert_eq!(of(bytes, piece), expected, "{:?} in pieces of {piece}", String::from_utf8_lossy(bytes));
            }
            assert_eq!(Media::from_text(expected.as_str()), expected);
        };
        check(b"\xff\xd8\xff\xe0 JFIF", Media::Jpeg);
        check(b"\x89PNG\r\n\x1a\n....", Media::Png);
        check(b"GIF89a<script>alert(1)</script>", Media::Gif);
        check(b"RIFF\x01\x02\x03\x04WEBPVP8 ", Media::Webp);
        check(b"%PDF-1.7\n\xe2\xe3", Media::Pdf);
        check("{\"a\": \"深 😀\"}\r\n\t".as_bytes(), Media::Text);
        check(b"<svg onload=alert(1)>", Media::Text);
        check(b"RIFF\x01\x02\x03\x04WAVE", Media::Binary);
        check(b"a\0b", Media::Binary);
        check(b"a\x1bb", Media::Binary);
        check(b"\xff\xfea\0", Media::Binary);
        check("深".as_bytes(), Media::Text);
        check(&"深".as_bytes()[..2], Media::Binary);
        check(b"\xed\xa0\x80", Media::Binary);
        check(b"MZ\x90\0", Media::Binary);
    }
}
