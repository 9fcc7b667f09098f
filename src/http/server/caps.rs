//! How many connections there may be: as many as the descriptors allow that others do not need, and no more than
//! memory is good for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::http::limits::{
    ADDRESS_LEAST, ADDRESS_SHARE, CONNECTIONS, DESCRIPTORS_RESERVED, DESCRIPTORS_WANTED, PLAIN_SHARE,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) total: usize,
    /// From one address. Loopback and trusted proxies, behind which many people stand, are not counted.
    pub(crate) per_address: usize,
}

impl Caps {
    /// Of all, how many may be WebSockets: the rest is kept for plain HTTP.
    pub(crate) fn sockets(self) -> usize {
        (self.total - self.total / PLAIN_SHARE).max(1)
    }

    /// The same of one address.
    pub(crate) fn sockets_per_address(self) -> usize {
        (self.per_address - self.per_address / PLAIN_SHARE).max(1)
    }
}

/// `asked`: what the operator wants instead of our own bound; the descriptors have the last word.
pub(crate) fn from_process(asked: Option<usize>) -> Caps {
    caps(raise_descriptors(), asked)
}

fn caps(descriptors: usize, asked: Option<usize>) -> Caps {
    let reserved = DESCRIPTORS_RESERVED.min(descriptors / 3);
    let total = asked.unwrap_or(CONNECTIONS).min(descriptors - reserved).max(1);
    Caps { total, per_address: (total / ADDRESS_SHARE).max(ADDRESS_LEAST).min(total) }
}

/// Shells and service managers hand out 1,024 and allow far more: we take what we may, and return what there is.
fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(DESCRIPTORS_WANTED);
    let wanted = DESCRIPTORS_WANTED.min(limit.maximum.unwrap_or(DESCRIPTORS_WANTED));
    let raised =
        now < wanted && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok();
    usize::try_from(if raised { wanted } else { now }).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_memory_bound_the_connections() {
        let check = |descriptors, asked, total, per_address| {
            assert_eq!(caps(descriptors, asked), Caps { total, per_address }, "{descriptors} {asked:?}");
        };
        check(64, None, 43, 16);
        check(1024, None, 768, 192);
        check(16 * 1024, None, CONNECTIONS, CONNECTIONS / 4);
        check(16 * 1024, Some(8), 8, 8);
        check(1024, Some(100_000), 768, 192);
        check(0, None, 1, 1);
    }

    #[test]
    fn a_quarter_is_kept_for_plain_http() {
        let caps = caps(1024, None);
        assert_eq!((caps.sockets(), caps.sockets_per_address()), (576, 144));
        let least = Caps { total: 1, per_address: 1 };
        assert_eq!((least.sockets(), least.sockets_per_address()), (1, 1));
    }
}
