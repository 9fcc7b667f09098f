//! Rows out of pages: along a tree, and off it.

use super::bits::Bits;
use super::page::{Cell, Kind, Page};
use super::pages::Pages;
use super::record::{self, Value};
use crate::domain::{Error, Result};

/// A record longer than this is taken for a damage, in bytes: a conversation of 1.9 is one record.
const RECORD_BYTES: u64 = 64 * 1024 * 1024;

pub(super) struct Row {
    pub page: u32,
    pub rowid: i64,
    pub values: Vec<Value>,
}

pub(super) type Take<'a> = dyn FnMut(Row) -> Result<()> + 'a;

pub(super) struct Reader<'a> {
    pub pages: &'a Pages,
    /// Pages that are known to be something.
    seen: Bits,
    pub broken_pages: u64,
    pub broken_rows: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(pages: &'a Pages) -> Self {
        Self { pages, seen: Bits::new(pages.count), broken_pages: 0, broken_rows: 0 }
    }

    /// The rows of a tree. A page that cannot be read is counted, and its neighbours are read on.
    pub(super) fn walk(&mut self, root: u32, take: &mut Take<'_>) -> Result<()> {
        let mut open = vec![root];
        let mut bytes = Vec::new();
        while let Some(number) = open.pop() {
            if number == 0 || number > self.pages.count || self.seen.has(number) {
                self.broken_pages += 1;
                continue;
            }
            self.read(number, &mut bytes)?;
            match Page::parse(&bytes[..self.pages.usable], number) {
                Some(page) if page.kind == Kind::Leaf => {
                    self.seen.insert(number);
                    self.rows(&page, number, take)?;
                }
                Some(page) if page.kind == Kind::Inner => {
                    self.seen.insert(number);
                    // Read in order: rows that came later are inserted later.
                    open.extend(page.children().into_iter().rev());
                }
                // It may be another tree's page: then it is read there, or as a stray.
                _ => self.broken_pages += 1,
            }
        }
        Ok(())
    }

    /// The rows on all pages that no tree led to, free ones excepted.
    pub(super) fn strays(&mut self, take: &mut Take<'_>) -> Result<()> {
        let free = self.pages.free().map_err(Error::internal)?;
        self.leaves(take, &|number| !free.has(number))
    }

    /// How many rows stand on free pages: they were deleted.
    pub(super) fn old(&mut self) -> Result<u64> {
        let mut found = 0;
        let free = self.pages.free().map_err(Error::internal)?;
        let broken = self.broken_rows;
        self.leaves(
            &mut |_| {
                found += 1;
                Ok(())
            },
            &|number| free.has(number),
        )?;
        self.broken_rows = broken;
        Ok(found)
    }

    fn leaves(&mut self, take: &mut Take<'_>, is_meant: &dyn Fn(u32) -> bool) -> Result<()> {
        for map in self.pages.maps() {
            self.seen.insert(map);
        }
        let mut bytes = Vec::new();
        for number in 1..=self.pages.count {
            if self.seen.has(number) || !is_meant(number) {
                continue;
            }
            self.read(number, &mut bytes)?;
            if let Some(page) = Page::parse(&bytes[..self.pages.usable], number)
                && page.kind == Kind::Leaf
            {
                self.seen.insert(number);
                self.rows(&page, number, take)?;
            }
        }
        Ok(())
    }

    fn rows(&mut self, page: &Page<'_>, number: u32, take: &mut Take<'_>) -> Result<()> {
        for at in 0..page.cells {
            let row = match page.cell(at) {
                Some(cell) => self.record(&cell)?.map(|values| Row { page: number, rowid: cell.rowid, values }),
                None => None,
            };
            match row {
                Some(row) => take(row)?,
                None => self.broken_rows += 1,
            }
        }
        Ok(())
    }

    /// A cell's values. Its overflow pages are taken only when all of it makes sense.
    fn record(&mut self, cell: &Cell<'_>) -> Result<Option<Vec<Value>>> {
        let Some(mut next) = cell.overflow else { return Ok(record::decode(cell.local)) };
        let room = u64::from(self.pages.count) * self.pages.usable as u64;
        if cell.length > RECORD_BYTES.min(room) {
            return Ok(None);
        }
        let length = usize::try_from(cell.length).map_err(Error::internal)?;
        let mut content = cell.local.to_vec();
        let (mut chain, mut bytes) = (Vec::new(), Vec::new());
        while content.len() < length {
            if next == 0 || next > self.pages.count || self.seen.has(next) {
                return Ok(None);
            }
            chain.push(next);
            self.read(next, &mut bytes)?;
            let rest = (length - content.len()).min(self.pages.usable - 4);
            content.extend_from_slice(&bytes[4..4 + rest]);
            next = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let values = record::decode(&content);
        if values.is_some() {
            for page in chain {
                self.seen.insert(page);
            }
        }
        Ok(values)
    }

    fn read(&self, number: u32, into: &mut Vec<u8>) -> Result<()> {
        self.pages.read(number, into).map_err(Error::internal)
    }
}
