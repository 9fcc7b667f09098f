//! `multipart/form-data` as it comes, RFC 7578: the content of the one part that is a file passes through, and nothing of
//! it is kept. Parts that are no file are read over.

use super::failure::{Failure, HandlerResult};

/// What stands before the content of a part, in bytes.
const HEAD_BYTES: usize = 8 * 1024;
/// RFC 2046 section 5.1.1: a boundary, in characters.
const BOUNDARY_CHARS: usize = 70;

/// What the form is made of, for the one who reads it.
pub(crate) enum Piece<'a> {
    /// The file begins; the name as the client gave it.
    File(String),
    Content(&'a [u8]),
}

pub(crate) struct Form {
    /// CRLF, two dashes, and the boundary.
    delimiter: Vec<u8>,
    pending: Vec<u8>,
    state: State,
    has_file: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Up to the next delimiter; `true` within the file.
    Content(bool),
    /// Behind a delimiter: the end, or another part.
    Delimiter,
    Head,
    End,
}

impl Form {
    /// `None` where the type is another one. Errors: 400 without a boundary.
    pub(crate) fn of(content_type: &str) -> HandlerResult<Option<Self>> {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Ok(None);
        }
        let boundary = parameter(parameters, "boundary").unwrap_or_default();
        if boundary.is_empty()
            || boundary.len() > BOUNDARY_CHARS
            || !boundary.bytes().all(|b| (0x20..0x7f).contains(&b))
        {
            return Err(malformed("The form has no boundary"));
        }
        // The first boundary may stand at the very beginning.
        let pending = b"\r\n".to_vec();
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Some(Self { delimiter, pending, state: State::Content(false), has_file: false }))
    }

    /// Errors: 400 for what is no form; those of `sink`.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(Piece<'_>) -> HandlerResult<()>,
    ) -> HandlerResult<()> {
        self.pending.extend_from_slice(bytes);
        while self.step(sink)? {}
        Ok(())
    }

    /// Errors: 400 where the form was cut off, or had no file in it.
    pub(crate) fn end(&self) -> HandlerResult<()> {
        match self.state {
            State::End if self.has_file => Ok(()),
            State::End => Err(malformed("The form has no file in it")),
            _ => Err(malformed("The form was cut off")),
        }
    }

    /// False when more bytes are needed.
    fn step(&mut self, sink: &mut dyn FnMut(Piece<'_>) -> HandlerResult<()>) -> HandlerResult<bool> {
        match self.state {
            State::Content(is_file) => self.content(is_file, sink),
            State::Delimiter => {
                let start = self.pending.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
                let start = start.unwrap_or(self.pending.len());
                match self.pending.get(start..start + 2) {
                    None if self.pending.len() > HEAD_BYTES => Err(malformed("A boundary of the form is malformed")),
                    None => Ok(false),
                    Some(b"--") => Ok(self.enter(State::End, start + 2)),
                    // The line break stays: a head may be empty.
                    Some(b"\r\n") => Ok(self.enter(State::Head, start)),
                    Some(_) => Err(malformed("A boundary of the form is malformed")),
                }
            }
            State::Head => match find(&self.pending, b"\r\n\r\n") {
                Some(end) if end <= HEAD_BYTES => {
                    let head = String::from_utf8_lossy(&self.pending[..end]).into_owned();
                    let name = file_name(&head);
                    let is_file = name.is_some();
                    if let Some(name) = name {
                        if std::mem::replace(&mut self.has_file, true) {
                            return Err(malformed("Send one file at a time"));
                        }
                        sink(Piece::File(name))?;
                    }
                    // An empty part ends with the line break that ends its head.
                    Ok(self.enter(State::Content(is_file), end + 4))
                }
                None if self.pending.len() <= HEAD_BYTES => Ok(false),
                _ => Err(malformed("A part of the form begins with too many headers")),
            },
            State::End => {
                self.pending.clear();
                Ok(false)
            }
        }
    }

    fn content(&mut self, is_file: bool, sink: &mut dyn FnMut(Piece<'_>) -> HandlerResult<()>) -> HandlerResult<bool> {
        let found = find(&self.pending, &self.delimiter);
        // What may be the beginning of a delimiter is not passed on yet.
        let ready = found.unwrap_or_else(|| self.pending.len().saturating_sub(self.delimiter.len() - 1));
        if is_file && ready > 0 {
            sink(Piece::Content(&self.pending[..ready]))?;
        }
        match found {
            Some(at) => Ok(self.enter(State::Delimiter, at + self.delimiter.len())),
            None => {
                self.pending.drain(..ready);
                Ok(false)
            }
        }
    }

    fn enter(&mut self, state: State, used: usize) -> bool {
        self.pending.drain(..used);
        self.state = state;
        true
    }
}

/// The name of the file in a part; `None` for a part that is none.
fn file_name(head: &str) -> Option<String> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let disposition = lines
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value)
        .next()?;
    let (kind, parameters) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let encoded = parameter(parameters, "filename*");
    let decoded = encoded
        .as_deref()
        .and_then(|text| text.split_once("''"))
        .map(|(_, name)| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned());
    // Browsers escape these three, and nothing else.
    let plain = || {
        parameter(parameters, "filename")
            .map(|name| name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
    };
    decoded.or_else(plain)
}

/// A parameter of a header, with its quotes taken off.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, value) = rest.split_once('=')?;
        let (value, behind) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// The text up to the closing quote, and what is behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            // Paths of old browsers have backslashes that escape nothing.
            '\\' if text[at + 1..].starts_with(['"', '\\']) => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    None
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn malformed(message: &'static str) -> Failure {
    Failure::bad_form(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file's name and content.
    fn read(content_type: &str, body: &[u8], piece: usize) -> Result<(String, Vec<u8>), String> {
        let mut form = Form::of(content_type).map_err(said)?.ok_or("another type")?;
        let (mut name, mut content) = (String::new(), Vec::new());
        for bytes in body.chunks(piece) {
            let mut sink = |piece: Piece<'_>| {
                match piece {
                    Piece::File(given) => name = given,
                    Piece::Content(bytes) => content.extend_from_slice(bytes),
                }
                Ok(())
            };
            form.take(bytes, &mut sink).map_err(said)?;
        }
        form.end().map_err(said)?;
        Ok((name, content))
    }

    fn said(failure: Failure) -> String {
        failure.error.message.into_owned()
    }

    const TYPE: &str = "multipart/form-data; boundary=xx";

    fn check(body: &str, expected: Result<(&str, &str), &str>) {
        for piece in [1, 2, 3, 7, 10_000] {
            let got = read(TYPE, body.as_bytes(), piece);
            let got = got.map(|(name, content)| (name, String::from_utf8_lossy(&content).into_owned()));
            let expected = expected.map(|(name, content)| (name.to_owned(), content.to_owned())).map_err(str::to_owned);
            assert_eq!(got, expected, "{body:?} in pieces of {piece}");
        }
    }

    fn part(disposition: &str, content: &str) -> String {
        format!("--xx\r\nContent-Disposition: {disposition}\r\nContent-Type: a/b\r\n\r\n{content}\r\n")
    }

    #[test]
    fn a_file_comes_through_as_it_is() {
        let file = |name: &str, content: &str| part(&format!("form-data; name=\"file\"; {name}"), content);
        let whole = |name: &str, content: &str| file(name, content) + "--xx--\r\n";
        check(&whole("filename=\"a b.txt\"", "hello"), Ok(("a b.txt", "hello")));
        check(&whole("filename=a.txt", ""), Ok(("a.txt", "")));
        check(&whole("filename=\"\"", "x"), Ok(("", "x")));
        check(&whole("filename=\"a%22b;c=\\\"d.txt\"", "x"), Ok(("a\"b;c=\"d.txt", "x")));
        check(&whole("filename=\"x\"; filename*=UTF-8''%E6%B7%B1.txt", "x"), Ok(("深.txt", "x")));
        check(&whole("filename=\"f\"", "\r\n--x\r\n--\r\n\r\n--xy"), Ok(("f", "\r\n--x\r\n--\r\n\r\n--xy")));
        let field = part("form-data; name=\"note\"", "--x is no file");
        check(&format!("{field}{}", whole("filename=f", "x")), Ok(("f", "x")));
        check(&format!("preamble\r\n{}epilogue --xx", whole("filename=f", "x")), Ok(("f", "x")));
        check(&format!("{}--xx \t--", file("filename=f", "x")), Ok(("f", "x")));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let file = part("form-data; name=\"file\"; filename=f", "x");
        check("", Err("The form was cut off"));
        check("hello", Err("The form was cut off"));
        check(&file, Err("The form was cut off"));
        check("--xx--", Err("The form has no file in it"));
        check(&format!("{}--xx--", part("form-data; name=a", "x")), Err("The form has no file in it"));
        check(&format!("{}--xx--", part("attachment; filename=f", "x")), Err("The form has no file in it"));
        check("--xx\r\n\r\nno head\r\n--xx--", Err("The form has no file in it"));
        check(&format!("{file}{file}--xx--"), Err("Send one file at a time"));
        check("--xxjunk", Err("A boundary of the form is malformed"));
        check(&format!("--xx\r\n{}", "a: b\r\n".repeat(3000)), Err("A part of the form begins with too many headers"));
        check(&format!("--xx{}", " ".repeat(9000)), Err("A boundary of the form is malformed"));
        for (kind, message) in [
            ("multipart/form-data", "The form has no boundary"),
            ("multipart/form-data; boundary=\"\"", "The form has no boundary"),
            ("multipart/form-data; boundary=\"unclosed", "The form has no boundary"),
            (&format!("multipart/form-data; boundary={}", "x".repeat(71)), "The form has no boundary"),
            ("text/plain", "another type"),
        ] {
            assert_eq!(read(kind, b"", 1), Err(message.to_owned()), "{kind}");
        }
        let quoted = "multipart/form-data; charset=utf-8; boundary=\"xx\"";
        assert!(read(quoted, format!("{file}--xx--").as_bytes(), 9).is_ok());
    }
}
