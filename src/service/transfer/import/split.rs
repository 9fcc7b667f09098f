//! Takes the conversations of a file apart, one at a time, whatever the size of the file: a scanner of bytes that knows where
//! a value of JSON ends. What is in a value is read later, so that one that is broken costs itself and not the others, and
//! one that is too large is passed over without being held.

use std::io::{self, Read};

/// What is read of the file at once, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// Members of the outermost object that hold the conversations.
const LISTS: [&[u8]; 2] = [b"\"conversations\"", b"\"chats\""];

/// One conversation, still as JSON.
pub(super) enum Element {
    Whole(Vec<u8>),
    /// Larger than the limit.
    TooLarge,
}

#[derive(Debug)]
pub(super) enum Broken {
    /// It ends in the middle of something.
    Truncated,
    /// It is no JSON.
    NotJson,
    /// Its bytes cannot be read.
    Unreadable,
}

pub(super) struct Split<R> {
    bytes: Bytes<R>,
    /// The largest element, in bytes.
    most: usize,
    inside: Inside,
}

/// Where the scanner stands.
enum Inside {
    /// Between values, at the outermost level.
    Nothing,
    /// In a list of conversations; in one inside an object, the object goes on behind it.
    List { in_object: bool },
}

impl<R: Read> Split<R> {
    pub(super) fn new(reader: R, most: usize) -> Self {
        Self { bytes: Bytes { reader, buffer: Vec::new(), at: 0 }, most, inside: Inside::Nothing }
    }

    /// The next conversation; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element>, Broken> {
        loop {
            match self.inside {
                Inside::Nothing => match self.bytes.token()? {
                    None => return Ok(None),
                    Some(b'[') => self.enter(b'[', Inside::List { in_object: false })?,
                    Some(b'{') => {
                        if let Some(element) = self.object()? {
                            return Ok(Some(element));
                        }
                    }
                    // The mark at the beginning of files from Windows.
                    Some(0xef | 0xbb | 0xbf) => self.bytes.at += 1,
                    Some(_) => return Err(Broken::NotJson),
                },
                Inside::List { in_object } => match self.bytes.token()?.ok_or(Broken::Truncated)? {
                    b',' => self.bytes.at += 1,
                    b']' => {
                        self.bytes.at += 1;
                        self.inside = Inside::Nothing;
                        if in_object {
                            self.rest_of_object()?;
                        }
                    }
                    b'}' | b':' => return Err(Broken::NotJson),
                    _ => {
                        let mut taken = Capture::up_to(self.most);
                        self.bytes.value(&mut taken)?;
                        return Ok(Some(taken.into_element()));
                    }
                },
            }
        }
    }

    fn enter(&mut self, opening: u8, inside: Inside) -> Result<(), Broken> {
        debug_assert_eq!(self.bytes.peek().ok().flatten(), Some(opening));
        self.bytes.at += 1;
        self.inside = inside;
        Ok(())
    }

    /// An object that holds a list of conversations is left inside the list; any other is one conversation itself.
    fn object(&mut self) -> Result<Option<Element>, Broken> {
        let mut all = Capture::up_to(self.most);
        all.push(b"{");
        self.bytes.at += 1;
        let mut wants_key = true;
        loop {
            let token = self.bytes.token()?.ok_or(Broken::Truncated)?;
            match token {
                b'}' => {
                    self.bytes.at += 1;
                    all.push(b"}");
                    return Ok(Some(all.into_element()));
                }
                b',' | b':' => {
                    self.bytes.at += 1;
                    all.push(&[token]);
                    wants_key = token == b',';
                }
                b'"' if wants_key => {
                    wants_key = false;
                    let mut key = Capture::up_to(self.most);
                    self.bytes.value(&mut key)?;
                    let is_list = LISTS.iter().any(|name| *name == key.bytes);
                    all.push(&key.bytes);
                    all.is_over |= key.is_over;
                    if is_list && self.behind_colon(&mut all)? == b'[' {
                        self.enter(b'[', Inside::List { in_object: true })?;
                        return Ok(None);
                    }
                }
                b']' => return Err(Broken::NotJson),
                _ => self.bytes.value(&mut all)?,
            }
        }
    }

    fn behind_colon(&mut self, all: &mut Capture) -> Result<u8, Broken> {
        if self.bytes.token()?.ok_or(Broken::Truncated)? != b':' {
            return Err(Broken::NotJson);
        }
        self.bytes.at += 1;
        all.push(b":");
        self.bytes.token()?.ok_or(Broken::Truncated)
    }

    /// What stands behind the list in its object holds nothing for us.
    fn rest_of_object(&mut self) -> Result<(), Broken> {
        let mut nothing = Capture::up_to(0);
        loop {
            match self.bytes.token()?.ok_or(Broken::Truncated)? {
                b'}' => {
                    self.bytes.at += 1;
                    return Ok(());
                }
                b',' | b':' => self.bytes.at += 1,
                b']' => return Err(Broken::NotJson),
                _ => self.bytes.value(&mut nothing)?,
            }
        }
    }
}

/// What is kept of a value while it is passed over.
struct Capture {
    bytes: Vec<u8>,
    most: usize,
    is_over: bool,
}

impl Capture {
    fn up_to(most: usize) -> Self {
        Self { bytes: Vec::new(), most, is_over: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.is_over || self.bytes.len() + bytes.len() > self.most {
            self.is_over = true;
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn into_element(self) -> Element {
        if self.is_over { Element::TooLarge } else { Element::Whole(self.bytes) }
    }
}

/// A file, a piece at a time.
struct Bytes<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
}

impl<R: Read> Bytes<R> {
    /// What is ready; nothing at the end.
    fn ready(&mut self) -> Result<&[u8], Broken> {
        if self.at == self.buffer.len() {
            self.buffer.resize(BUFFER_BYTES, 0);
            let read = loop {
                match self.reader.read(&mut self.buffer) {
                    Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            self.at = 0;
            read.map_err(|_| Broken::Unreadable)?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn peek(&mut self) -> Result<Option<u8>, Broken> {
        self.ready().map(|ready| ready.first().copied())
    }

    /// The next byte that is no white space.
    fn token(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Passes over one value.
    fn value(&mut self, into: &mut Capture) -> Result<(), Broken> {
        let mut depth = 0_usize;
        loop {
            let first = self.peek()?.ok_or(Broken::Truncated)?;
            match first {
                b'"' => self.string(into)?,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.checked_sub(1).ok_or(Broken::NotJson)?,
                _ => {}
            }
            if first != b'"' {
                into.push(&[first]);
                self.at += 1;
                self.plain(into)?;
            }
            let is_scalar = !matches!(first, b'"' | b']' | b'}');
            if depth == 0 && (!is_scalar || self.ends_scalar()?) {
                return Ok(());
            }
        }
    }

    /// A number or a word ends where something else begins.
    fn ends_scalar(&mut self) -> Result<bool, Broken> {
        Ok(matches!(self.peek()?, None | Some(b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\r' | b'\n')))
    }

    /// What neither opens nor closes anything.
    fn plain(&mut self, into: &mut Capture) -> Result<(), Broken> {
        let ready = self.ready()?;
        let is_plain = |byte: &u8| !matches!(byte, b'"' | b'[' | b'{' | b']' | b'}' | b',' | b':' | b' ' | b'\n');
        let length = ready.iter().position(|byte| !is_plain(byte)).unwrap_or(ready.len());
        into.push(&ready[..length]);
        self.at += length;
        Ok(())
    }

    fn string(&mut self, into: &mut Capture) -> Result<(), Broken> {
        into.push(b"\"");
        self.at += 1;
        loop {
            let ready = self.ready()?;
            if ready.is_empty() {
                return Err(Broken::Truncated);
            }
            let end = ready.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let length = end.unwrap_or(ready.len());
            into.push(&ready[..length]);
            let found = end.map(|at| ready[at]);
            self.at += length;
            match found {
                None => {}
                Some(quote_or_escape) => {
                    into.push(&[quote_or_escape]);
                    self.at += 1;
                    if quote_or_escape == b'"' {
                        return Ok(());
                    }
                    let escaped = self.peek()?.ok_or(Broken::Truncated)?;
                    into.push(&[escaped]);
                    self.at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let taken = self.0.len().min(1);
            into[..taken].copy_from_slice(&self.0[..taken]);
            self.0 = &self.0[taken..];
            Ok(taken)
        }
    }

    fn elements(json: &str, most: usize) -> String {
        let split = |mut split: Split<Box<dyn Read + '_>>| {
            let mut said = Vec::new();
            loop {
                said.push(match split.next() {
                    Ok(Some(Element::Whole(bytes))) => String::from_utf8(bytes).unwrap(),
                    Ok(Some(Element::TooLarge)) => "too large".to_owned(),
                    Ok(None) => return said.join(" | "),
                    Err(broken) => {
                        said.push(format!("{broken:?}"));
                        return said.join(" | ");
                    }
                });
            }
        };
        let at_once = split(Split::new(Box::new(json.as_bytes()), most));
        assert_eq!(at_once, split(Split::new(Box::new(Slowly(json.as_bytes())), most)), "{json}");
        at_once
    }

    fn check(json: &str, expected: &str) {
        assert_eq!(elements(json, 100), expected, "{json}");
    }

    #[test]
    fn files_of_all_forms() {
        check("", "");
        check(" [ ] ", "");
        check(r#"[{"a":1}, {"b":[2,{"c":"]}"}]} ]"#, r#"{"a":1} | {"b":[2,{"c":"]}"}]}"#);
        check(r#"["a\"]b\\", 12, null,[1] ]"#, r#""a\"]b\\" | 12 | null | [1]"#);
        check("\u{feff}[1]", "1");
        check(r#"{"mapping":{"x":1}}"#, r#"{"mapping":{"x":1}}"#);
        check(r#"{"format":"f","conversations":[{"a":1},{"b":2}],"more":{"x":[1]}}"#, r#"{"a":1} | {"b":2}"#);
        check(r#"{"conversations" : 7, "x" : "conversations"}"#, r#"{"conversations":7,"x":"conversations"}"#);
        check("{\"a\":1}\n{\"b\":2}\n", r#"{"a":1} | {"b":2}"#);
        check(r#"{"chats":[1]}[2]"#, "1 | 2");
    }

    #[test]
    fn what_is_too_large_costs_itself() {
        let long = "x".repeat(200);
        check(&format!(r#"[1,"{long}",{{"a":["{long}"]}},2]"#), "1 | too large | too large | 2");
        check(&format!(r#"{{"a":"{long}"}}"#), "too large");
        check(&format!(r#"{{"a":"{long}","conversations":[1,2]}}"#), "1 | 2");
        check(&format!("[{}{},2]", "[".repeat(1_000_000), "]".repeat(1_000_000)), "too large | 2");
    }

    #[test]
    fn what_is_broken_ends_it() {
        check("[1,2", "1 | 2 | Truncated");
        check(r#"[1,{"a":"b"#, "1 | Truncated");
        check(r#"{"conversations":[1]"#, "1 | Truncated");
        check("hello", "NotJson");
        check("[1]}", "1 | NotJson");
        check("[1}", "1 | NotJson");
        check("{]", "NotJson");
    }
}
