//! Whom we believe: networks, written as addresses, as networks, or as words.

use std::net::IpAddr;

use ipnet::IpNet;

use super::resolve::{Problem, problem};

/// The words, and the networks they stand for: RFC 1122 and RFC 4291; RFC 1918 and RFC 4193.
const WORDS: &[(&str, &[&str])] = &[
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
    ("none", &[]),
];

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Problem> {
    let mut found = Vec::new();
    for part in text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        if let Some((_, networks)) = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(part)) {
            found.extend(networks.iter().filter_map(|network| one(network)));
        } else {
            found.push(one(part).ok_or_else(|| {
                problem(
                    format!("`{part}` is neither an address nor a network"),
                    "write a list such as loopback, 10.0.0.0/8, 192.168.1.5; the words are loopback, private and none",
                )
            })?);
        }
    }
    Ok(found)
}

fn one(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let check = |text: &str, expected: Option<&str>| {
            let found = networks(text).ok().map(|list| list.iter().map(IpNet::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("loopback", Some("127.0.0.0/8 ::1/128"));
        check("none", Some(""));
        check("Private,10.1.2.3/16", Some("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 10.1.0.0/16"));
        check(" 192.0.2.7 , 2001:db8::/32 ", Some("192.0.2.7/32 2001:db8::/32"));
        check("192.0.2.7/33", None);
        check("proxy.example.com", None);
    }
}
