//! Writes an archive in one pass. Sizes and sums of an entry stand behind it, since they are not known before.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use time::OffsetDateTime;

use super::{CENTRAL, DEFLATED, DESCRIPTOR, END, END_64, ENTRIES, LOCAL, LOCATOR_64};

/// Sizes behind the entry, names in UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// What a reader has to know: deflate, and that with 64-bit offsets.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Made on Unix, which gives the permission bits a meaning: a file of 0600.
const MADE_BY: u16 = 3 << 8 | VERSION_64;
const MODE: u32 = 0o100_600 << 16;

pub struct Writer<W: Write> {
    out: Counted<W>,
    entries: Vec<Written>,
    /// As MS-DOS counts it: time, date.
    modified: (u16, u16),
}

struct Written {
    name: String,
    crc: u32,
    packed: u32,
    size: u32,
    offset: u64,
}

struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        Self {
            out: Counted { inner: out, bytes: 0 },
            entries: Vec::new(),
            modified: dos_time(OffsetDateTime::now_utc()),
        }
    }

    /// A file with what `write` writes into it.
    ///
    /// Errors: those of `write` and of the output; `FileTooLarge` past 4 GiB, or past the number of entries.
    pub fn file<E: From<io::Error>>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.entries.len() >= ENTRIES || name.len() > usize::from(u16::MAX) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
        }
        let offset = self.out.bytes;
        self.local_header(name)?;
        let begin = self.out.bytes;
        let (crc, size) = self.pack(write)?;
        let packed = narrow(self.out.bytes - begin)?;
        let mut descriptor = Vec::with_capacity(16);
        [DESCRIPTOR, crc, packed, size].iter().for_each(|number| descriptor.extend(number.to_le_bytes()));
        self.out.write_all(&descriptor)?;
        self.entries.push(Written { name: name.to_owned(), crc, packed, size, offset });
        Ok(())
    }

    /// The sum and the size of what was written.
    fn pack<E: From<io::Error>>(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(u32, u32), E> {
        let packer = DeflateEncoder::new(&mut self.out, Compression::fast());
        let mut content = Content { packer, crc: Crc::new(), bytes: 0 };
        write(&mut content)?;
        content.packer.finish()?;
        Ok((content.crc.sum(), narrow(content.bytes)?))
    }

    fn local_header(&mut self, name: &str) -> io::Result<()> {
        let mut header = Vec::with_capacity(30 + name.len());
        header.extend(LOCAL.to_le_bytes());
        let (time, date) = self.modified;
        [VERSION, FLAGS, DEFLATED, time, date].iter().for_each(|number| header.extend(number.to_le_bytes()));
        header.extend([0; 12]); // crc and sizes: behind
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 2]);
        header.extend(name.as_bytes());
        self.out.write_all(&header)
    }

    /// The directory, with which the archive is one.
    pub fn finish(mut self) -> io::Result<W> {
        let begin = self.out.bytes;
        for entry in &self.entries {
            self.out.write_all(&record(entry, self.modified))?;
        }
        let end = ending(self.entries.len() as u64, begin, self.out.bytes);
        self.out.write_all(&end)?;
        Ok(self.out.inner)
    }
}

/// An entry in the directory.
fn record(entry: &Written, (time, date): (u16, u16)) -> Vec<u8> {
    let Written { name, crc, packed, size, offset } = entry;
    let is_far = *offset >= u64::from(u32::MAX);
    let mut record = Vec::with_capacity(58 + name.len());
    record.extend(CENTRAL.to_le_bytes());
    let needs = if is_far { VERSION_64 } else { VERSION };
    [MADE_BY, needs, FLAGS, DEFLATED, time, date].iter().for_each(|number| record.extend(number.to_le_bytes()));
    [*crc, *packed, *size].iter().for_each(|number| record.extend(number.to_le_bytes()));
    let extra: u16 = if is_far { 12 } else { 0 };
    [name.len() as u16, extra, 0, 0, 0].iter().for_each(|number| record.extend(number.to_le_bytes()));
    record.extend(MODE.to_le_bytes());
    record.extend(u32::try_from(*offset).unwrap_or(u32::MAX).to_le_bytes());
    record.extend(name.as_bytes());
    if is_far {
        record.extend([1, 0, 8, 0]); // the field with 64-bit numbers, 8 bytes
        record.extend(offset.to_le_bytes());
    }
    record
}

/// What stands behind the directory from `begin` to `end`.
fn ending(count: u64, begin: u64, end: u64) -> Vec<u8> {
    let (mut out, size) = (Vec::with_capacity(98), end - begin);
    if count >= u64::from(u16::MAX) || end >= u64::from(u32::MAX) {
        out.extend(END_64.to_le_bytes());
        out.extend(44_u64.to_le_bytes()); // what follows of this record
        out.extend(MADE_BY.to_le_bytes());
        out.extend(VERSION_64.to_le_bytes());
        out.extend([0; 8]);
        [count, count, size, begin].iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(LOCATOR_64.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(end.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    [count, count].iter().for_each(|number| out.extend(number.to_le_bytes()));
    [size, begin].iter().for_each(|number| out.extend(u32::try_from(*number).unwrap_or(u32::MAX).to_le_bytes()));
    out.extend([0; 2]);
    out
}

fn narrow(bytes: u64) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// Seconds are counted in twos, years from 1980.
fn dos_time(now: OffsetDateTime) -> (u16, u16) {
    let time = u16::from(now.hour()) << 11 | u16::from(now.minute()) << 5 | (u16::from(now.second()) / 2);
    let years = now.year().clamp(1980, 2107) - 1980;
    (time, (years as u16) << 9 | u16::from(u8::from(now.month())) << 5 | u16::from(now.day()))
}

/// The content of an entry on its way in.
struct Content<'a, W: Write> {
    packer: DeflateEncoder<&'a mut Counted<W>>,
    crc: Crc,
    bytes: u64,
}

impl<W: Write> Write for Content<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.packer.write(bytes)?;
        self.crc.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // a flush in the middle only makes it longer
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
