//! Which addresses a page may be fetched from: those of the public internet, and nothing near this machine.
//!
//! A name is looked up once, what it stands for is checked, and the connection goes to what was checked: a name that
//! stands for something else a moment later gains nothing. However an address is spelt (decimal, octal, mapped into
//! IPv6), it is the resolver's answer that is looked at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Hosts that may be fetched although they are not public: names, and addresses as they are written.
pub(super) type Allowed = Arc<[String]>;
/// From a host and a port to addresses.
type LookUp = dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>> + Send + Sync;

/// Gives the addresses that may be connected to.
pub(super) struct Checked {
    allowed: Allowed,
    look_up: Box<LookUp>,
}

/// Why a host is not fetched; stands inside the client's error.
#[derive(Debug)]
pub(super) struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not public")
    }
}

impl std::error::Error for NotPublic {}

impl Checked {
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { allowed, look_up: Box::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())) }
    }

    #[cfg(test)]
    pub(super) fn with(allowed: Allowed, look_up: Box<LookUp>) -> Self {
        Self { allowed, look_up }
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}

impl Resolver for Checked {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let found = (self.look_up)(host, port)?;
        let mut addresses = self.empty();
        for address in found.iter().filter(|address| is_allowed(&self.allowed, host) || may_connect(address.ip())) {
            // More than there is room for are not tried.
            let _ = addresses.try_push(*address);
        }
        match (addresses.is_empty(), found.is_empty()) {
            (false, _) => Ok(addresses),
            (true, true) => Err(ureq::Error::HostNotFound),
            (true, false) => Err(std::io::Error::other(NotPublic).into()),
        }
    }
}

fn is_allowed(allowed: &[String], host: &str) -> bool {
    let host = host.trim_end_matches('.');
    allowed.iter().any(|one| one.eq_ignore_ascii_case(host))
}

/// Public, and none of this machine's own: what is behind a firewall for others is not so for us.
fn may_connect(address: IpAddr) -> bool {
    is_public(address) && !is_own(address)
}

/// Only an address of this machine can be bound to; unless the kernel lets any be bound to, which a documentation
/// address shows.
fn is_own(address: IpAddr) -> bool {
    let can_bind = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
    can_bind(address) && !can_bind(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
}

/// <https://www.iana.org/assignments/iana-ipv4-special-registry> and its counterpart for IPv6.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _) // shared by carriers; clouds put metadata there
            | (169, 254, _) // link-local; metadata of most clouds
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 168, _)
            | (192, 175, 48)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Mapped (::ffff:a.b.c.d): it is connected to over IPv4.
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        // NAT64 (RFC 6052) leads to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4 likewise.
        [0x2002, high, low, ..] => embedded(high, low),
        // Special purposes, Teredo among them; documentation; segment routing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All that is given out as global unicast so far.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_corpus() {
        let check = |text: &str, expected: bool| {
            let address: IpAddr = text.parse().unwrap_or_else(|_| panic!("{text} is no address"));
            assert_eq!(is_public(address), expected, "{text}");
        };
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            check(public, true);
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::a9fe:a9fe",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:db8::1",
            "2001:10::1",
            "3fff::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "4000::1",
        ] {
            check(private, false);
        }
    }

    /// However an address is spelt, the system's own resolver says what it stands for, and that is looked at.
    #[test]
    fn odd_spellings_lead_nowhere() {
        let resolver = Checked::new(Arc::from([]));
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "0",
            "localhost",
            "LOCALHOST.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "[64:ff9b::169.254.169.254]",
        ] {
            let Ok(uri) = format!("http://{host}/").parse::<Uri>() else { continue };
            let got = resolver.resolve(&uri, &Config::default(), NextTimeout::default());
            assert!(got.is_err(), "{host} gives {got:?}");
        }
    }

    #[test]
    fn of_a_name_only_public_addresses_are_used_and_hosts_can_be_allowed() {
        let both = |_: &str, port: u16| {
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], port)), SocketAddr::from(([93, 184, 216, 34], port))])
        };
        let resolve = |allowed: &[&str], host: &str| {
            let allowed: Allowed = allowed.iter().map(|one| (*one).to_owned()).collect();
            let uri: Uri = format!("https://{host}/").parse().expect("an address");
            let found = Checked::with(allowed, Box::new(both))
                .resolve(&uri, &Config::default(), NextTimeout::default())
                .expect("addresses");
            found.iter().map(SocketAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(resolve(&[], "mixed.example"), ["93.184.216.34:443"]);
        assert_eq!(resolve(&["wiki.example"], "WIKI.example."), ["10.0.0.1:443", "93.184.216.34:443"]);
        assert_eq!(resolve(&["wiki.example"], "notwiki.example:8080"), ["93.184.216.34:8080"]);
    }
}
