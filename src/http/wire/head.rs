//! A request's head: where it ends, what it says, and how long its body is. Strict, since whatever two servers read
//! differently is a way to smuggle one request inside another (RFC 9112 section 11.2).

use super::failure::Failure;
use super::headers::Headers;
use crate::http::limits::HEADER_LINES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// One that no route knows.
    Other,
}

/// How the body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Empty,
    Length(u64),
    Chunked,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// As it stands in the request line.
    pub(crate) target: String,
    /// The minor version: 0 or 1.
    pub(crate) minor: u8,
    pub(crate) headers: Headers,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "OTHER",
        }
    }

    fn from_token(token: &str) -> Self {
        match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

/// Where the head ends: the index behind its empty line. `seen` bytes were searched before.
///
/// A line that ends in a bare LF counts here, so that it is refused immediately and not only at the deadline.
pub(crate) fn end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let mut rest = bytes.get(from..)?;
    let mut at = from;
    while let Some(lf) = rest.iter().position(|byte| *byte == b'\n') {
        at += lf + 1;
        rest = &rest[lf + 1..];
        match rest {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Whether these bytes can be the beginning of a request line at all: a TLS hello, for one, cannot.
pub(crate) fn plausible(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|byte| byte.is_ascii_alphabetic() || *byte == b'\r')
}

/// The PROXY protocol in front of the request, version 1 or 2 (haproxy.org, proxy-protocol.txt). Of the second the empty
/// lines at its beginning may have been passed over.
pub(crate) fn is_proxy_preamble(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\r\n\r\n").unwrap_or(bytes);
    [&b"PROXY TCP"[..], b"PROXY UNKNOWN", b"\0\r\nQUIT\n"].iter().any(|start| bytes.starts_with(start))
}

/// Reads a whole head, its empty line included.
pub(crate) fn parse(bytes: &[u8]) -> Result<Head, Failure> {
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r')) {
        return Err(Failure::malformed("A line of the request's head does not end in CRLF"));
    }
    let mut lines = [httparse::EMPTY_HEADER; HEADER_LINES];
    let mut parsed = httparse::Request::new(&mut lines);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Failure::malformed("The request's head is incomplete")),
        Err(httparse::Error::TooManyHeaders) => return Err(Failure::head_too_large()),
        Err(httparse::Error::Version) if names_a_version(bytes) => return Err(Failure::version()),
        Err(_) => return Err(Failure::malformed("The request's head is malformed")),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Failure::malformed("The request line is incomplete"));
    };
    let headers = Headers::from_bytes(parsed.headers.iter().map(|line| (line.name, line.value)));
    check_host(&headers, minor)?;
    Ok(Head {
        method: Method::from_token(method),
        target: target.to_owned(),
        minor,
        framing: framing(&headers, minor)?,
        keep_alive: keep_alive(&headers, minor),
        expects_continue: minor == 1
            && headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
        headers,
    })
}

/// The request line has three parts, and the third is a version, if none of ours.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|byte| *byte == b' ').skip(2);
    parts.next().is_some_and(|version| version.starts_with(b"HTTP/")) && parts.next().is_none()
}

/// RFC 9112 section 6.3, without its leniencies.
fn framing(headers: &Headers, minor: u8) -> Result<Framing, Failure> {
    let mut lengths = headers.get_all("content-length");
    let mut codings = headers.get_all("transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(Failure::malformed("Both Content-Length and Transfer-Encoding")),
        (None, Some(coding)) => {
            if minor == 0 || codings.next().is_some() || !coding.eq_ignore_ascii_case("chunked") {
                return Err(Failure::malformed("The only transfer coding is one `chunked`"));
            }
            Ok(Framing::Chunked)
        }
        (Some(length), None) => {
            if lengths.next().is_some() || length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Failure::malformed("Content-Length must be one number"));
            }
            match length.parse() {
                Ok(0) => Ok(Framing::Empty),
                // Digits that do not fit are a number all the same, and larger than any limit.
                parsed => Ok(Framing::Length(parsed.unwrap_or(u64::MAX))),
            }
        }
    }
}

fn keep_alive(headers: &Headers, minor: u8) -> bool {
    if headers.has_token("connection", "close") {
        return false;
    }
    minor == 1 || headers.has_token("connection", "keep-alive")
}

/// RFC 9112 section 3.2: exactly one, and of the form `uri-host [":" port]`.
fn check_host(headers: &Headers, minor: u8) -> Result<(), Failure> {
    let mut hosts = headers.get_all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if minor == 0 => Ok(()),
        (Some(host), None) if plausible_host(host) => Ok(()),
        (None, _) => Err(Failure::malformed("The Host header is missing")),
        (Some(_), None) => Err(Failure::malformed("The Host header is malformed")),
        (Some(_), Some(_)) => Err(Failure::malformed("More than one Host header")),
    }
}

fn plausible_host(host: &str) -> bool {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    };
    let name_is_fine = match name.strip_prefix('[') {
        Some(address) => address
            .strip_suffix(']')
            .is_some_and(|address| address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b))),
        None => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)),
    };
    !name.is_empty() && name_is_fine && (port.is_empty() || port.parse::<u16>().is_ok_and(|_| !port.starts_with('+')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: Result<Framing, u16>) {
        let bytes = head.as_bytes();
        assert_eq!(end(bytes, 0), Some(bytes.len()), "{head:?}");
        let got = parse(bytes).map(|head| head.framing).map_err(|failure| failure.status);
        assert_eq!(got, expected, "{head:?}");
    }

    #[test]
    fn bodies_are_framed_strictly() {
        let with = |lines: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        check(&with(""), Ok(Framing::Empty));
        check(&with("Content-Length: 0\r\n"), Ok(Framing::Empty));
        check(&with("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
        check(&with("content-length:  12  \r\n"), Ok(Framing::Length(12)));
        check(&with("Content-Length: 9000000000000000000\r\n"), Ok(Framing::Length(9_000_000_000_000_000_000)));
        check(&with("Content-Length: 99999999999999999999999\r\n"), Ok(Framing::Length(u64::MAX)));
        check(&with("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
        check(&with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        for bad in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length:\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: \x0bchunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length : 5\r\n",
            " Content-Length: 5\r\n",
            "X: a\r\n folded\r\n",
            "X: a\rb\r\n",
            "X: a\0b\r\n",
            "X: a\nY: b\r\n",
            "Host: h\r\n",
            "no colon\r\n",
        ] {
            check(&with(bad), Err(400));
        }
        check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(400));
    }

    #[test]
    fn request_lines_and_hosts() {
        check("GET / HTTP/1.0\r\n\r\n", Ok(Framing::Empty));
        check("GET / HTTP/1.1\r\n\r\n", Err(400));
        check("GET / HTTP/1.1\n\n", Err(400));
        check("GET / HTTP/2.0\r\n\r\n", Err(505));
        check("PRI * HTTP/2.0\r\n\r\n", Err(505));
        check("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", Err(400));
        check("GET\r\n\r\n", Err(400));
        for fine in ["h", "h:80", "h:", "127.0.0.1:5200", "[::1]", "[::1]:5200", "xn--fiqs8s", "a_b.local"] {
            check(&format!("GET / HTTP/1.1\r\nHost: {fine}\r\n\r\n"), Ok(Framing::Empty));
        }
        for bad in ["", "a b", "a/b", "a@b", "a:b", "a:99999", "a:+80", "::1", "[::1", "[x]", "a,b:1:2", "小"] {
            check(&format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n"), Err(400));
        }
        let many: String = (0..HEADER_LINES).map(|n| format!("X-{n}: y\r\n")).collect();
        check(&format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"), Err(431));
    }

    #[test]
    fn connections_go_on_or_end() {
        let keep = |head: &str| parse(head.as_bytes()).map(|head| head.keep_alive).ok();
        assert_eq!(keep("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), Some(true));
        assert_eq!(keep("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"), Some(false));
        assert_eq!(keep("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n"), Some(false));
        assert_eq!(keep("GET / HTTP/1.0\r\n\r\n"), Some(false));
        assert_eq!(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), Some(true));
    }

    #[test]
    fn the_end_is_found_wherever_the_reads_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for cut in 0..head.len() - 4 {
            assert_eq!(end(&head[..cut], 0), None);
            assert_eq!(end(head, cut), Some(head.len() - 4), "{cut}");
        }
    }
}
