//! One page of a b-tree of rows (format description, section 1.6). Nothing that it says is believed before it fits.

/// The header of the database stands before that of the first page, in bytes.
const FILE_HEADER_BYTES: usize = 100;
/// More than any program reserves at the end of a page.
const RESERVED_BYTES_MOST: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows.
    Leaf,
    /// Pointers to pages of rows.
    Inner,
    /// An index's.
    Index,
}

pub(super) struct Page<'a> {
    bytes: &'a [u8],
    pub kind: Kind,
    /// Where its header begins.
    start: usize,
    pub cells: usize,
}

/// One row as it stands on its page.
pub(super) struct Cell<'a> {
    pub rowid: i64,
    /// Bytes of the whole record.
    pub length: u64,
    /// What stands here; the rest stands on overflow pages.
    pub local: &'a [u8],
    /// The first of them, where there are any.
    pub overflow: Option<u32>,
}

impl<'a> Page<'a> {
    /// `None` where it is no page of a tree. `bytes` is its usable part.
    pub(super) fn parse(bytes: &'a [u8], number: u32) -> Option<Self> {
        let start = if number == 1 { FILE_HEADER_BYTES } else { 0 };
        let (kind, head) = match bytes.get(start)? {
            0x0d => (Kind::Leaf, 8),
            0x05 => (Kind::Inner, 12),
            0x0a | 0x02 => (Kind::Index, 8),
            _ => return None,
        };
        let cells = usize::from(u16_at(bytes, start + 3)?);
        (start + head + cells * 2 <= bytes.len()).then_some(Self { bytes, kind, start, cells })
    }

    /// The pages below an inner one, in order.
    pub(super) fn children(&self) -> Vec<u32> {
        let mut children: Vec<u32> =
            (0..self.cells).filter_map(|at| u32_at(self.bytes, self.pointer(at, 12)?)).collect();
        children.extend(u32_at(self.bytes, self.start + 8));
        children
    }

    /// A row of a leaf. `None` where it does not fit into the page.
    pub(super) fn cell(&self, at: usize) -> Option<Cell<'a>> {
        let pointer = self.pointer(at, 8)?;
        let (length, next) = varint(self.bytes, pointer)?;
        let (rowid, content) = varint(self.bytes, next)?;
        let length = u64::try_from(length).ok()?;
        let local = local_bytes(length, self.bytes.len())?;
        let here = self.bytes.get(content..content + local)?;
        let overflow = match local as u64 == length {
            true => None,
            false => Some(u32_at(self.bytes, content + local)?),
        };
        Some(Cell { rowid, length, local: here, overflow })
    }

    /// The first byte behind it.
    fn end_of_cell(&self, at: usize) -> Option<usize> {
        let cell = self.cell(at)?;
        let content = cell.local.as_ptr().addr() - self.bytes.as_ptr().addr();
        Some(content + cell.local.len() + if cell.overflow.is_some() { 4 } else { 0 })
    }

    /// Where a cell begins: behind the pointers.
    fn pointer(&self, at: usize, head: usize) -> Option<usize> {
        let pointers = self.start + head;
        let pointer = usize::from(u16_at(self.bytes, pointers + at * 2)?);
        (pointer >= pointers + self.cells * 2 && pointer < self.bytes.len()).then_some(pointer)
    }
}

/// Whether bytes of this length look like a page of rows of this size: cells fill it from its very end.
pub(super) fn looks_like_one(bytes: &[u8]) -> bool {
    let Some(page) = Page::parse(bytes, 2).filter(|page| page.kind == Kind::Leaf && page.cells > 0) else {
        return false;
    };
    let mut last = 0;
    for at in 0..page.cells {
        let Some(end) = page.end_of_cell(at) else { return false };
        last = last.max(end);
    }
    last <= bytes.len() && last + RESERVED_BYTES_MOST >= bytes.len()
}

/// How much of a record stands on its own page (section 1.6, "the amount of payload that spills").
fn local_bytes(length: u64, usable: usize) -> Option<usize> {
    let most = usable.checked_sub(35)?;
    if length <= most as u64 {
        return usize::try_from(length).ok();
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + usize::try_from((length - least as u64) % (usable as u64 - 4)).ok()?;
    Some(if fitting <= most { fitting } else { least })
}

/// A number of one to nine bytes, and what comes behind it.
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0_u64;
    for place in 0..8 {
        let byte = *bytes.get(at + place)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value.cast_signed(), at + place + 1));
        }
    }
    let last = u64::from(*bytes.get(at + 8)?);
    Some(((value << 8 | last).cast_signed(), at + 9))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        let check = |bytes: &[u8], expected: Option<(i64, usize)>| assert_eq!(varint(bytes, 0), expected, "{bytes:?}");
        check(&[0x7f], Some((127, 1)));
        check(&[0x81, 0x00], Some((128, 2)));
        check(&[0xff; 9], Some((-1, 9)));
        check(&[0x81], None);
        check(&[0xff; 8], None);
        check(&[], None);
    }

    #[test]
    fn what_is_no_page_is_none() {
        assert!(Page::parse(&[], 2).is_none());
        assert!(Page::parse(&[0; 4096], 2).is_none());
        let mut page = vec![0; 512];
        page[..8].copy_from_slice(&[0x0d, 0, 0, 0xff, 0xff, 0, 0, 0]);
        assert!(Page::parse(&page, 2).is_none(), "more cells than fit");
        page[3..5].copy_from_slice(&[0, 1]);
        assert!(Page::parse(&page, 2).is_some_and(|page| page.cell(0).is_none()), "a cell among the pointers");
    }
}
