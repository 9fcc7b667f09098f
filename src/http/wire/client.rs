//! Who is at the other end: the peer itself, or what a proxy that we trust says about it.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::headers::Headers;

/// What only something that forwards requests writes.
const FORWARDING: [&str; 6] =
    ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    /// It was forwarded, by a trusted proxy or not.
    pub(crate) forwarded: bool,
    /// … by one of the trusted proxies.
    pub(crate) believed: bool,
    /// The person's own connection is encrypted.
    pub(crate) https: bool,
}

pub(crate) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    let ip = ip.to_canonical();
    trusted.iter().any(|network| network.contains(&ip))
}

/// The address under which connections are counted: for IPv6 the network that one customer usually has. Not where many
/// people stand behind it: this machine, and the proxies that are trusted.
pub(crate) fn counted_as(ip: IpAddr, trusted: &[IpNet]) -> Option<IpAddr> {
    let ip = ip.to_canonical();
    if ip.is_loopback() || is_trusted(ip, trusted) {
        return None;
    }
    Some(match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
    })
}

/// Believes forwarding headers only from a trusted peer.
pub(crate) fn resolve(peer: SocketAddr, headers: &Headers, trusted: &[IpNet]) -> Client {
    let peer = peer.ip().to_canonical();
    let forwarded = FORWARDING.iter().any(|name| headers.contains(name));
    if !forwarded || !is_trusted(peer, trusted) {
        return Client { ip: peer, forwarded, believed: false, https: false };
    }
    let ip = match last_untrusted(headers, trusted) {
        Some(ip) => ip,
        None => {
            headers.get("x-real-ip").and_then(address).filter(|_| !headers.contains("x-forwarded-for")).unwrap_or(peer)
        }
    };
    let scheme = headers.get_all("x-forwarded-proto").last().and_then(|value| value.rsplit(',').next());
    Client {
        ip,
        forwarded,
        believed: true,
        https: scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")),
    }
}

/// Each proxy appends whom it got the request from, so the list is true from the right up to the first address that
/// is no proxy of ours; what stands left of it cannot be trusted.
fn last_untrusted(headers: &Headers, trusted: &[IpNet]) -> Option<IpAddr> {
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").collect();
    let mut nearest = None;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        // Not an address: whatever stands further left cannot be believed either.
        let Some(ip) = address(hop) else { break };
        nearest = Some(ip);
        if !is_trusted(ip, trusted) {
            break;
        }
    }
    nearest
}

/// With or without a port, as proxies write both.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| text.trim_matches(['[', ']']).parse::<IpAddr>());
    ip.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, lines: &[(&str, &str)], expected: (&str, bool, bool)) {
        let trusted: Vec<IpNet> =
            ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].iter().filter_map(|net| net.parse().ok()).collect();
        let peer = SocketAddr::new(peer.parse().expect("peer"), 4000);
        let got = resolve(peer, &lines.iter().copied().collect(), &trusted);
        assert_eq!((got.ip.to_string().as_str(), got.forwarded, got.https), expected, "{peer} {lines:?}");
    }

    #[test]
    fn forwarded_addresses() {
        let xff = "X-Forwarded-For";
        check("203.0.113.9", &[], ("203.0.113.9", false, false));
        check("::ffff:127.0.0.1", &[], ("127.0.0.1", false, false));
        // A stranger's word counts for nothing, but shows that it was forwarded.
        check("203.0.113.9", &[(xff, "1.2.3.4"), ("X-Forwarded-Proto", "https")], ("203.0.113.9", true, false));
        check("127.0.0.1", &[(xff, "1.2.3.4"), ("X-Forwarded-Proto", "https")], ("1.2.3.4", true, true));
        check("127.0.0.1", &[(xff, "6.6.6.6, 1.2.3.4, 10.1.1.1")], ("1.2.3.4", true, false));
        check("127.0.0.1", &[(xff, "6.6.6.6"), (xff, "1.2.3.4")], ("1.2.3.4", true, false));
        check("127.0.0.1", &[(xff, "10.0.0.2, 10.0.0.3")], ("10.0.0.2", true, false));
        check("127.0.0.1", &[(xff, "6.6.6.6, nonsense, 10.0.0.3")], ("10.0.0.3", true, false));
        check("127.0.0.1", &[(xff, "nonsense"), ("X-Real-IP", "5.5.5.5")], ("127.0.0.1", true, false));
        check("127.0.0.1", &[(xff, "[2001:db8::1]:443")], ("2001:db8::1", true, false));
        check("127.0.0.1", &[(xff, "1.2.3.4:999")], ("1.2.3.4", true, false));
        check("127.0.0.1", &[("X-Real-IP", "5.5.5.5")], ("5.5.5.5", true, false));
        check("127.0.0.1", &[("Forwarded", "for=5.5.5.5")], ("127.0.0.1", true, false));
    }
}
