//! A request as handlers see it.

use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::client::{self, Client};
use super::failure::{Failure, HandlerResult};
use super::head::{Framing, Head, Method};
use super::headers::Headers;
use crate::domain::Error;
use crate::domain::web_origin::WebOrigin;

#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// Percent-decoded, without the base path and the query.
    pub path: String,
    /// As it came, without the question mark.
    pub query: Option<String>,
    /// The minor version of HTTP/1.
    pub version: u8,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub peer: SocketAddr,
    /// The person's address, as far as proxies that we trust say so.
    pub client_ip: IpAddr,
    /// The address under which its connections are counted, if they are.
    pub counted_as: Option<IpAddr>,
    pub forwarded: bool,
    /// … by one of the trusted proxies.
    pub believed: bool,
    pub https: bool,
    /// Also in the response and in the log.
    pub id: String,
    /// What stood in the place of a route's `:name`.
    pub(crate) params: Vec<(&'static str, String)>,
    /// There was a body, if perhaps an empty one.
    pub(crate) has_length: bool,
    /// The path as it stands in the log: still encoded, without the query.
    pub(crate) shown_path: String,
}

impl Request {
    /// `base` is the sub-path that we are served under; a proxy may have taken it off already, so it is no must.
    pub(crate) fn new(head: Head, peer: SocketAddr, client: Client, base: &str, id: String) -> HandlerResult<Self> {
        let (path, query) = split_target(&head.target)?;
        let path = without_base(path, base);
        let decoded = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| Failure::malformed("The path is not UTF-8"))?
            .into_owned();
        if decoded.contains(char::is_control) {
            return Err(Failure::malformed("The path holds control characters"));
        }
        Ok(Self {
            shown_path: path.to_owned(),
            path: decoded,
            query: query.map(str::to_owned),
            method: head.method,
            version: head.minor,
            has_length: head.framing != Framing::Empty || head.headers.contains("content-length"),
            headers: head.headers,
            body: Vec::new(),
            peer,
            client_ip: client.ip,
            counted_as: None,
            forwarded: client.forwarded,
            believed: client.believed,
            https: client.https,
            id,
            params: Vec::new(),
        })
    }

    /// It comes from this machine itself: a loopback peer, and nothing that shows a proxy in between.
    ///
    /// A web page open on this machine is not the machine: a browser's request counts only where
    /// the page came from this server under a loopback name. (Otherwise any site could post to us through the
    /// browser, or point its own name at 127.0.0.1.)
    pub fn is_local(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback() && !self.forwarded && self.is_our_own_page_or_none()
    }

    fn is_our_own_page_or_none(&self) -> bool {
        let Some(origin) = self.headers.get("origin") else { return true };
        let host = self.headers.get("host").unwrap_or_default();
        origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            && is_loopback_name(host)
    }

    /// What stood in the place of `:name` in the route. Errors: `NotFound` where there is no such name.
    pub fn param(&self, name: &str) -> Result<&str, Error> {
        self.params
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| Error::not_found("Path"))
    }

    /// The first value of that name in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        self.query.as_deref()?.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_form(key) == name).then(|| decode_form(value))
        })
    }

    /// The body as JSON. Answers 411 without a body, 415 for another type or none (a form of another site can send
    /// those without asking), 400 for what does not fit.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> HandlerResult<T> {
        if !self.has_length {
            return Err(Failure::length_required());
        }
        if !self.headers.get("content-type").is_some_and(is_json) {
            return Err(Failure::not_json());
        }
        serde_json::from_slice(&self.body).map_err(|error| invalid_json(&error))
    }

    /// The host that the client asked for: as a trusted proxy says, else as the request does.
    pub fn host(&self) -> Option<&str> {
        let forwarded = self.headers.get("x-forwarded-host").filter(|_| self.believed);
        // A list begins with what the first proxy got.
        let forwarded = forwarded.and_then(|hosts| hosts.split(',').next()).map(str::trim);
        forwarded.filter(|host| !host.is_empty()).or_else(|| self.headers.get("host"))
    }

    /// A browser names the page that sends a request, and no page can forge that; other programs need not name one.
    pub(crate) fn is_from_own_page(&self, public: Option<&WebOrigin>) -> bool {
        let mut origins = self.headers.get_all("origin");
        let Some(origin) = origins.next() else { return true };
        let page = WebOrigin::parse(origin).filter(|_| origins.next().is_none());
        page.is_some_and(|page| page.is_own_page(public, self.host()))
    }

    /// A client that wants to speak WebSocket, RFC 6455 section 4.1.
    pub(crate) fn wants_websocket(&self) -> bool {
        self.method == Method::Get
            && self.version == 1
            && self.headers.has_token("upgrade", "websocket")
            && self.headers.has_token("connection", "upgrade")
    }
}

/// Never quotes the body: it may hold a password.
fn invalid_json(error: &serde_json::Error) -> Failure {
    let message = if error.is_data() {
        "The request body does not have the expected fields".to_owned()
    } else {
        format!("The request body is not valid JSON (line {}, column {})", error.line(), error.column())
    };
    Error::invalid("invalid_json", message).into()
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Path and query of an origin-form or absolute-form target, RFC 9112 section 3.2.
fn split_target(target: &str) -> HandlerResult<(&str, Option<&str>)> {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    match path {
        "" if query.is_some() => Ok(("/", query)),
        path if path.starts_with('/') => Ok((path, query)),
        _ => Err(Failure::malformed("The request target must be a path")),
    }
}

fn without_base<'a>(path: &'a str, base: &str) -> &'a str {
    match path.strip_prefix(base) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn decode_form(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// A request with its client resolved.
pub(crate) fn build(
    head: Head,
    peer: SocketAddr,
    trusted: &[ipnet::IpNet],
    base: &str,
    id: String,
) -> HandlerResult<Request> {
    let client = client::resolve(peer, &head.headers, trusted);
    let counted_as = client::counted_as(client.ip, trusted);
    Ok(Request { counted_as, ..Request::new(head, peer, client, base, id)? })
}

#[cfg(test)]
mod tests {
    use super::super::head;
    use super::*;

    fn request(head: &str, base: &str) -> Result<Request, u16> {
        let head = head::parse(head.as_bytes()).expect("a head");
        let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
        build(head, peer, &[], base, "id".to_owned()).map_err(|failure| failure.status)
    }

    fn check(target: &str, base: &str, expected: Result<(&str, Option<&str>), u16>) {
        let got = request(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), base);
        let got = got.map(|request| (request.path, request.query));
        let expected = expected.map(|(path, query)| (path.to_owned(), query.map(str::to_owned)));
        assert_eq!(got, expected, "{target} under {base:?}");
    }

    #[test]
    fn targets_become_paths() {
        check("/", "", Ok(("/", None)));
        check("/a%20b?x=1", "", Ok(("/a b", Some("x=1"))));
        check("/?", "", Ok(("/", Some(""))));
        check("http://h/a?b", "", Ok(("/a", Some("b"))));
        check("http://h", "", Ok(("/", None)));
        check("http://h?b", "", Ok(("/", Some("b"))));
        check("/chat", "/chat", Ok(("/", None)));
        check("/chat/health", "/chat", Ok(("/health", None)));
        check("/health", "/chat", Ok(("/health", None)));
        check("/chatty", "/chat", Ok(("/chatty", None)));
        check("//a", "", Ok(("//a", None)));
        check("*", "", Err(400));
        check("h:80", "", Err(400));
        check("/a%00b", "", Err(400));
        check("/a%0Ab", "", Err(400));
        check("/%ff", "", Err(400));
    }

    #[test]
    fn queries_are_decoded() {
        let request = request("GET /ws?x&token=a%2Bb+c&token=z HTTP/1.1\r\nHost: h\r\n\r\n", "").expect("fine");
        assert_eq!(request.query_value("token").as_deref(), Some("a+b c"));
        assert_eq!(request.query_value("x").as_deref(), Some(""));
        assert_eq!(request.query_value("y"), None);
    }

    #[test]
    fn what_counts_as_this_machine() {
        let local = |host: &str, lines: &str| {
            request(&format!("POST / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"), "")
                .is_ok_and(|request| request.is_local())
        };
        assert!(local("localhost:5200", ""));
        assert!(local("anything", ""));
        assert!(local("localhost:5200", "Origin: http://localhost:5200\r\n"));
        assert!(local("[::1]:5200", "Origin: http://[::1]:5200\r\n"));
        assert!(!local("localhost:5200", "X-Forwarded-For: 1.2.3.4\r\n"));
        assert!(!local("localhost:5200", "Origin: https://evil.example\r\n"));
        assert!(!local("evil.example:5200", "Origin: http://evil.example:5200\r\n"));
        assert!(!local("localhost:5200", "Origin: null\r\n"));
    }

    #[test]
    fn json_bodies_are_asked_for_by_type() {
        let status = |lines: &str, body: &str| {
            let mut request = request(&format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"), "").expect("fine");
            request.body = body.as_bytes().to_vec();
            request.json::<Vec<u8>>().map_err(|failure| failure.status)
        };
        assert_eq!(status("Content-Length: 3\r\n", "[1]"), Err(415), "a form of another site needs no type");
        assert_eq!(
            status("Content-Length: 3\r\nContent-Type: application/json; charset=utf-8\r\n", "[1]"),
            Ok(vec![1])
        );
        assert_eq!(status("Content-Length: 3\r\nContent-Type: text/plain\r\n", "[1]"), Err(415));
        assert_eq!(status("", ""), Err(411));
        let json = |length: &str| format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        assert_eq!(status(&json("0"), ""), Err(400));
        assert_eq!(status(&json("3"), "[x]"), Err(400));
        assert_eq!(status(&json("5"), "[\"x\"]"), Err(400));
    }
}
