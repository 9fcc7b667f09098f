//! Scheme, host and port of an address, as browsers name a page's site (RFC 6454).

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: String,
    /// In lower case; IPv6 in brackets.
    host: String,
    port: u16,
}

impl WebOrigin {
    /// `https://chat.example.com:8443`; nothing for what is no such address, `null` for instance.
    pub fn parse(origin: &str) -> Option<Self> {
        let (scheme, rest) = origin.trim().split_once("://")?;
        Self::new(&scheme.to_ascii_lowercase(), rest.trim_end_matches('/'))
    }

    /// The same scheme with the host and port of a `Host` header.
    pub fn with_authority(&self, authority: &str) -> Option<Self> {
        Self::new(&self.scheme, authority)
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    fn new(scheme: &str, authority: &str) -> Option<Self> {
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if is_port(port) => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let is_plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
        is_plain.then(|| Self { scheme: scheme.to_owned(), host: host.to_ascii_lowercase(), port })
    }

    /// Whether a request with this `Origin` header comes from our own page: that of the public address, or that of the
    /// host which the request names. Behind a proxy that ends TLS the scheme that people use is unknown, so the host is
    /// read under the page's.
    pub fn is_own_page(&self, public: Option<&Self>, host: Option<&str>) -> bool {
        public == Some(self) || host.and_then(|host| self.with_authority(host)).is_some_and(|own| own == *self)
    }
}
