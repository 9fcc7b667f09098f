//! Whom we believe: which hosts we are, which pages may send, and what counts as this machine.

use std::net::IpAddr;

use super::wire::failure::Failure;
use super::wire::head::Method;
use super::wire::request::Request;
use crate::domain::web_origin::WebOrigin;

#[derive(Default)]
pub(crate) struct Trust {
    /// The address that people use, where it is known.
    pub(crate) public: Option<WebOrigin>,
    /// Requests over HTTP may count as local: there is no public address and no proxy is named, so that a loopback peer
    /// without forwarding headers is this machine and not a tunnel.
    pub(crate) knows_local: bool,
}

impl Trust {
    /// Errors: 421 for a host that is not ours; 403 where the page of another site sends.
    pub(crate) fn check(&self, req: &Request) -> Result<(), Failure> {
        if !self.is_own_host(req) {
            return Err(Failure::misdirected());
        }
        let reads = matches!(req.method, Method::Get | Method::Head);
        if reads || req.is_from_own_page(self.public.as_ref()) { Ok(()) } else { Err(Failure::foreign_origin()) }
    }

    pub(crate) fn is_local(&self, req: &Request) -> bool {
        self.knows_local && req.is_local()
    }

    /// With a public address only its host is ours, and what no other site's name can be: addresses, and names that mean
    /// this machine or its network. Else any page could point its own name at us.
    fn is_own_host(&self, req: &Request) -> bool {
        let (Some(public), Some(host)) = (&self.public, req.host()) else { return true };
        let Some(asked) = public.with_authority(host) else { return false };
        let name = asked.host().trim_end_matches('.');
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        name == public.host()
            || is_address
            || !name.contains('.')
            || name.ends_with(".local")
            || name.ends_with(".localhost")
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{head, request};
    use super::*;

    fn status(method: &str, lines: &str, public: Option<&str>) -> u16 {
        let head = head::parse(format!("{method} / HTTP/1.1\r\n{lines}\r\n").as_bytes()).expect("a head");
        let trusted = ["127.0.0.1/32".parse().expect("a network")];
        let req = request::build(head, ([127, 0, 0, 1], 1).into(), &trusted, "", String::new()).expect("a request");
        let trust = Trust { public: public.and_then(WebOrigin::parse), knows_local: false };
        trust.check(&req).map_or_else(|failure| failure.status, |()| 200)
    }

    #[test]
    fn other_hosts_are_not_ours() {
        let check = |host: &str, expected: u16| {
            assert_eq!(
                status("GET", &format!("Host: {host}\r\n"), Some("https://chat.example.com")),
                expected,
                "{host}"
            );
        };
        for own in ["chat.example.com", "CHAT.example.com:8443", "chat.example.com.", "127.0.0.1:5200", "[::1]:5200"] {
            check(own, 200);
        }
        for near in ["localhost", "localhost:5200", "box.local", "portagent:5200"] {
            check(near, 200);
        }
        for foreign in ["evil.example", "chat.example.com.evil.example", "example.com", "127.0.0.1.nip.io"] {
            check(foreign, 421);
        }
        assert_eq!(status("GET", "Host: evil.example\r\n", None), 200, "without PUBLIC_URL any name may be ours");
        let forwarded = "Host: portagent.internal\r\nX-Forwarded-Host: chat.example.com\r\n";
        assert_eq!(status("GET", forwarded, Some("https://chat.example.com")), 200, "as the trusted proxy says");
    }

    #[test]
    fn only_our_own_page_may_send() {
        let check = |origin: &str, expected: u16| {
            let lines = format!("Host: localhost:5200\r\nOrigin: {origin}\r\n");
            assert_eq!(status("POST", &lines, Some("https://chat.example.com")), expected, "{origin}");
            assert_eq!(status("GET", &lines, Some("https://chat.example.com")), 200, "{origin}");
        };
        check("http://localhost:5200", 200);
        check("https://chat.example.com", 200);
        for foreign in ["https://evil.example", "http://localhost:9999", "null", "http://chat.example.com"] {
            check(foreign, 403);
        }
        assert_eq!(status("DELETE", "Host: h\r\n", None), 200, "programs need not name a page");
    }
}
