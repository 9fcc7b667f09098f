//! The pages of a database file, the newest form of each, however little of the file's header is left.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::bits::Bits;
use super::page;
use super::wal::{self, Wal};
use crate::store::sqlite::header::{MAGIC, beside};

/// What the page size may be; the usual ones first.
const SIZES: [usize; 8] = [4096, 1024, 8192, 16384, 2048, 512, 32768, 65536];
/// Pages that are looked at to find out how large pages are.
const SAMPLE: u64 = 2000;
/// More than any header of ours reserves at the end of a page, in bytes.
const RESERVED_MOST: usize = 64;
/// A database of ours is never so large; what is behind this many pages is left alone.
const PAGES_MOST: u64 = 1 << 30;

pub(super) struct Pages {
    main: File,
    wal: Option<(File, Wal)>,
    pub page_bytes: usize,
    /// Bytes of a page that hold content.
    pub usable: usize,
    pub count: u32,
    /// Whether the first 100 bytes make sense.
    pub header_is_good: bool,
    header: [u8; 100],
}

impl Pages {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let main = File::open(path)?;
        let length = main.metadata()?.len();
        let beside = beside(path, "-wal");
        let wal = wal::read(&beside);
        let mut pages =
            Self { main, wal: None, page_bytes: 4096, usable: 4096, count: 0, header_is_good: false, header: [0; 100] };
        pages.page_bytes = match &wal {
            // Its sums say that it is right.
            Some(wal) => wal.page_bytes,
            None => page_size(&pages.main, length)?,
        };
        let in_file = length.div_ceil(pages.page_bytes as u64).min(PAGES_MOST) as u32;
        pages.count = wal.as_ref().map_or(in_file, |wal| u64::from(wal.count).min(PAGES_MOST) as u32);
        pages.wal = wal.map(|wal| File::open(&beside).map(|file| (file, wal))).transpose()?;
        pages.read_header()?;
        Ok(pages)
    }

    fn read_header(&mut self) -> io::Result<()> {
        self.usable = self.page_bytes;
        let mut first = Vec::new();
        self.read(1, &mut first)?;
        self.header.copy_from_slice(&first[..100]);
        let reserved = usize::from(self.header[20]);
        self.header_is_good = &self.header[..16] == MAGIC
            && stated_size(&self.header) == Some(self.page_bytes)
            && self.header[21..24] == [64, 32, 32]
            && reserved <= RESERVED_MOST
            && (1..=4).contains(&self.number(44));
        if self.header_is_good {
            self.usable = self.page_bytes - reserved;
        }
        Ok(())
    }

    /// A number of the header. Only worth something while that is good.
    pub(super) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.header[at], self.header[at + 1], self.header[at + 2], self.header[at + 3]])
    }

    /// Reads a page whole; what lies behind the end of the file reads as zeros.
    pub(super) fn read(&self, number: u32, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        into.resize(self.page_bytes, 0);
        let (file, mut at) = match self.wal.as_ref().and_then(|(file, wal)| Some((file, *wal.pages.get(&number)?))) {
            Some(place) => place,
            None => (&self.main, u64::from(number.saturating_sub(1)) * self.page_bytes as u64),
        };
        let mut rest = &mut into[..];
        while !rest.is_empty() {
            match file.read_at(rest, at) {
                Ok(0) => break,
                Ok(read) => {
                    at += read as u64;
                    rest = &mut rest[read..];
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // A sector that the disk cannot read any more is a damage like others.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// The pages that are free: those of the list in the header, or where that is broken, what the map of pointers
    /// says. And whether they are known at all.
    pub(super) fn free(&self) -> io::Result<Bits> {
        if self.header_is_good
            && let Some(free) = self.free_list()?
        {
            return Ok(free);
        }
        self.free_by_map()
    }

    /// Section 1.5. `None` where it is broken.
    fn free_list(&self) -> io::Result<Option<Bits>> {
        let (mut free, mut found) = (Bits::new(self.count), 0_u32);
        let (mut trunk, all) = (self.number(32), self.number(36));
        let mut page = Vec::new();
        while trunk != 0 {
            if trunk > self.count || !free.insert(trunk) {
                return Ok(None);
            }
            self.read(trunk, &mut page)?;
            let leaves = word(&page, 4) as usize;
            if leaves > self.usable / 4 - 2 {
                return Ok(None);
            }
            for at in 0..leaves {
                let leaf = word(&page, 8 + 4 * at);
                if leaf < 2 || leaf > self.count || !free.insert(leaf) {
                    return Ok(None);
                }
            }
            found += 1 + leaves as u32;
            trunk = word(&page, 0);
        }
        Ok((found == all).then_some(free))
    }

    /// Section 1.8: in files that give pages back, some pages say of all others what they are.
    fn free_by_map(&self) -> io::Result<Bits> {
        let mut free = Bits::new(self.count);
        let per_map = (self.usable / 5) as u32;
        let mut page = Vec::new();
        for map in self.maps() {
            self.read(map, &mut page)?;
            for at in 0..per_map.min(self.count.saturating_sub(map)) {
                if page[at as usize * 5] == 2 {
                    free.insert(map + 1 + at);
                }
            }
        }
        Ok(free)
    }

    /// The pages that map the others; none where the file has no map.
    pub(super) fn maps(&self) -> impl Iterator<Item = u32> {
        let step = self.usable / 5 + 1;
        let last = if self.has_map() { self.count } else { 0 };
        (2..=last).step_by(step)
    }

    fn has_map(&self) -> bool {
        if self.header_is_good {
            return self.number(52) != 0;
        }
        let mut page = Vec::new();
        let entries = (self.usable / 5).min(self.count.saturating_sub(2) as usize);
        self.read(2, &mut page).is_ok() && entries > 0 && (0..entries).all(|at| (1..=5).contains(&page[at * 5]))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// As the header has it; 1 stands for 65,536.
fn stated_size(header: &[u8]) -> Option<usize> {
    let size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        size => usize::from(size),
    };
    SIZES.contains(&size).then_some(size)
}

/// What the header says, unless the pages themselves say clearly otherwise.
fn page_size(file: &File, length: u64) -> io::Result<usize> {
    let mut header = [0; 100];
    let stated = match file.read_exact_at(&mut header, 0) {
        Ok(()) => stated_size(&header),
        Err(_) => None,
    };
    let covered = |size: usize| -> u64 {
        let mut page = vec![0; size];
        let step = (length / size as u64 / SAMPLE).max(1);
        let places = (1..length / size as u64).step_by(step as usize);
        let good =
            places.filter(|at| file.read_exact_at(&mut page, at * size as u64).is_ok() && page::looks_like_one(&page));
        good.count() as u64 * size as u64 * step
    };
    let best = SIZES
        .into_iter()
        .map(|size| (covered(size), size))
        .fold((0, 4096), |best, next| if next.0 > best.0 { next } else { best });
    Ok(match stated {
        Some(size) if covered(size) * 2 >= best.0 => size,
        _ => best.1,
    })
}
