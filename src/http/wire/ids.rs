//! Request ids: short, and different enough to find one request in the log. They are no secret and prove nothing.

use crate::domain::id::random_bytes;

/// One source per connection, so that connections share no lock and do not ask the kernel for every request.
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new() -> Self {
        Self(u64::from_le_bytes(random_bytes()))
    }

    /// Twelve hexadecimal digits: the next number of a SplitMix64 sequence (Steele, Lea, Flood 2014), cut to 48 bits.
    pub(crate) fn next(&mut self) -> String {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:012x}", (mixed ^ (mixed >> 31)) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_differ() {
        let mut ids = Ids::new();
        let (one, two) = (ids.next(), ids.next());
        assert_eq!(one.len(), 12);
        assert!(one != two && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
