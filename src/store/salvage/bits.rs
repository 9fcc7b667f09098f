//! One bit for each page: a gigabyte of database takes 32 KiB.

pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// For pages 1 to `count`.
    pub(super) fn new(count: u32) -> Self {
        Self(vec![0; count as usize / 64 + 1])
    }

    pub(super) fn has(&self, page: u32) -> bool {
        self.0.get(page as usize / 64).is_some_and(|word| word & (1 << (page % 64)) != 0)
    }

    /// Says whether it was not there before. A page that does not exist is never new.
    pub(super) fn insert(&mut self, page: u32) -> bool {
        match self.0.get_mut(page as usize / 64) {
            Some(word) => {
                let is_new = *word & (1 << (page % 64)) == 0;
                *word |= 1 << (page % 64);
                is_new
            }
            None => false,
        }
    }
}
