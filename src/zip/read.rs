//! Reads an archive by its directory. Everything in it comes from outside: numbers are checked before they are used, names
//! are only compared, and how much an entry may grow is limited.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{CENTRAL, DEFLATED, END, END_64, ENTRIES, LOCAL, LOCATOR_64, STORED};

/// The directory, in bytes.
const DIRECTORY_BYTES: u64 = 64 * 1024 * 1024;
/// The end record with the longest comment.
const END_BYTES: u64 = 22 + 65_535;
/// From this size on an entry may not be more than so many times as large as what is stored of it: text packs 10 times,
/// machine-made text 50 times, a bomb up to 1,000 times.
const GROWTH_FROM: u64 = 64 * 1024 * 1024;
const GROWTH: u64 = 100;

/// An archive in a file.
#[derive(Debug)]
pub struct Archive {
    file: Arc<File>,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    /// As it stands there: it may lead anywhere.
    pub name: String,
    /// Unpacked, in bytes, as the archive says.
    pub size: u64,
    method: u16,
    is_encrypted: bool,
    crc: u32,
    packed: u64,
    offset: u64,
}

impl Archive {
    /// Whether a file begins like one.
    pub fn is_one(head: &[u8]) -> bool {
        head.starts_with(&LOCAL.to_le_bytes()) || head.starts_with(&END.to_le_bytes())
    }

    /// Errors: `InvalidData` for what is none, is cut off, or has too many entries.
    pub fn open(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let (count, size, offset) = directory(&file, length)?;
        if size > DIRECTORY_BYTES || offset.checked_add(size).is_none_or(|end| end > length) || count > ENTRIES as u64 {
            return Err(damaged("its directory is impossible"));
        }
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, offset)?;
        let (mut entries, mut rest) = (Vec::new(), bytes.as_slice());
        for _ in 0..count {
            entries.push(entry(&mut rest).ok_or_else(|| damaged("its directory is cut off"))?);
        }
        Ok(Self { file: Arc::new(file), entries })
    }

    /// The content of an entry.
    ///
    /// Errors: `Unsupported` for one that is encrypted or packed in another way; `InvalidData`. While it is read:
    /// `InvalidData` where it is damaged or grows beyond reason.
    pub fn read(&self, entry: &Entry) -> io::Result<Box<dyn Read + Send>> {
        if entry.is_encrypted {
            return Err(io::Error::new(ErrorKind::Unsupported, "it is encrypted"));
        }
        let mut header = [0; 30];
        self.file.read_exact_at(&mut header, entry.offset)?;
        if u32_at(&header, 0) != Some(LOCAL) {
            return Err(damaged("an entry is not where its directory says"));
        }
        let lengths = [26, 28].map(|at| u64::from(u16_at(&header, at).unwrap_or(0)));
        let at = entry.offset + 30 + lengths[0] + lengths[1];
        let packed = Piece { file: self.file.clone(), at, left: entry.packed };
        let content: Box<dyn Read + Send> = match entry.method {
            STORED => Box::new(packed),
            DEFLATED => Box::new(DeflateDecoder::new(packed)),
            _ => return Err(io::Error::new(ErrorKind::Unsupported, "it is packed in a way that is not known here")),
        };
        let most = entry.packed.saturating_mul(GROWTH).max(GROWTH_FROM);
        Ok(Box::new(Checked { content, crc: Crc::new(), expected: entry.crc, bytes: 0, size: entry.size, most }))
    }
}

/// How many entries, how long their directory is, and where it begins.
fn directory(file: &File, length: u64) -> io::Result<(u64, u64, u64)> {
    let from = length.saturating_sub(END_BYTES);
    let mut tail = vec![0; (length - from) as usize];
    file.read_exact_at(&mut tail, from)?;
    let end = (0..tail.len().saturating_sub(21)).rev().find(|at| u32_at(&tail, *at) == Some(END));
    let end = end.ok_or_else(|| damaged("it has no end: it was cut off"))?;
    let narrow = |at: usize| u32_at(&tail, end + at).map(u64::from);
    let found = u16_at(&tail, end + 10).map(u64::from).zip(narrow(12)).zip(narrow(16));
    let ((count, size), offset) = found.ok_or_else(|| damaged("it has no end"))?;
    let is_wide = count == u64::from(u16::MAX) || size == u64::from(u32::MAX) || offset == u64::from(u32::MAX);
    let locator = end.checked_sub(20).filter(|at| u32_at(&tail, *at) == Some(LOCATOR_64));
    let (true, Some(locator)) = (is_wide, locator) else { return Ok((count, size, offset)) };
    let at = u64_at(&tail, locator + 8).filter(|at| *at < length).ok_or_else(|| damaged("it has no end"))?;
    let mut wide = [0; 56];
    file.read_exact_at(&mut wide, at)?;
    match (u32_at(&wide, 0), u64_at(&wide, 32), u64_at(&wide, 40), u64_at(&wide, 48)) {
        (Some(END_64), Some(count), Some(size), Some(offset)) => Ok((count, size, offset)),
        _ => Err(damaged("it has no end")),
    }
}

/// The next entry of the directory.
fn entry(rest: &mut &[u8]) -> Option<Entry> {
    let record = *rest;
    if u32_at(record, 0)? != CENTRAL {
        return None;
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(record, at).map(usize::from));
    let (name, extra, comment) = (name?, extra?, comment?);
    let text = record.get(46..46 + name)?;
    let mut wide = record.get(46 + name..46 + name + extra).map(wide_numbers)?;
    *rest = record.get(46 + name + extra + comment..)?;
    // In this order they stand in the field with 64-bit numbers, those that did not fit.
    let mut number = |at: usize| match u32_at(record, at)? {
        u32::MAX => wide.next(),
        fits => Some(u64::from(fits)),
    };
    let (size, packed, offset) = (number(24)?, number(20)?, number(42)?);
    Some(Entry {
        name: String::from_utf8_lossy(text).into_owned(),
        size,
        method: u16_at(record, 10)?,
        is_encrypted: u16_at(record, 8)? & 1 == 1,
        crc: u32_at(record, 16)?,
        packed,
        offset,
    })
}

fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found = &[][..];
    while let (Some(kind), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = (4 + usize::from(length)).min(extra.len());
        if kind == 1 {
            found = &extra[4..end];
        }
        extra = &extra[end..];
    }
    found.chunks_exact(8).filter_map(|bytes| u64_at(bytes, 0))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn damaged(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

/// A part of a file.
struct Piece {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Piece {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Compares at the end, and stops what grows too far.
struct Checked {
    content: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
    bytes: u64,
    size: u64,
    most: u64,
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        self.crc.update(&into[..read]);
        self.bytes += read as u64;
        if self.bytes > self.most {
            return Err(damaged("an entry grows beyond reason when it is unpacked"));
        }
        if read == 0 && !into.is_empty() && (self.bytes != self.size || self.crc.sum() != self.expected) {
            return Err(damaged("an entry is damaged"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::Writer;
    use super::*;

    fn written(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, content) in files {
            writer.file(name, |out| out.write_all(content)).unwrap();
        }
        writer.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> io::Result<Archive> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Archive::open(file)
    }

    fn content(archive: &Archive, at: usize) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        archive.read(&archive.entries[at])?.read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn what_is_written_is_read() {
        let long = b"0123456789".repeat(50_000);
        let archive = opened(&written(&[("a.json", b"{}"), ("深/b", &long), ("empty", b"")])).unwrap();
        let names: Vec<&str> = archive.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a.json", "深/b", "empty"]);
        assert_eq!([0, 1, 2].map(|at| content(&archive, at).unwrap().len()), [2, long.len(), 0]);
        assert_eq!(opened(&written(&[])).unwrap().entries.len(), 0);
    }

    #[test]
    fn more_entries_than_16_bits_count() {
        let mut writer = Writer::new(Vec::new());
        for number in 0..70_000 {
            writer.file(&number.to_string(), |out| out.write_all(b"x")).unwrap();
        }
        let archive = opened(&writer.finish().unwrap()).unwrap();
        assert_eq!((archive.entries.len(), archive.entries[69_999].name.as_str()), (70_000, "69999"));
        assert_eq!(content(&archive, 69_999).unwrap(), b"x");
    }

    #[test]
    fn other_programs_read_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("x.zip"), written(&[("a b.txt", b"hello"), ("深.txt", b"x")])).unwrap();
        let list = "import zipfile; z = zipfile.ZipFile('x.zip'); assert z.testzip() is None; print(z.namelist())";
        let run = std::process::Command::new("python3").args(["-c", list]).current_dir(home.path()).output();
        let Ok(run) = run else { return }; // without Python our own reader has to do
        assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), "['a b.txt', '深.txt']", "{run:?}");
    }

    #[test]
    fn damage_is_found_wherever_it_is() {
        let good = written(&[("a", b"hello hello hello"), ("b", b"world")]);
        for at in 0..good.len() {
            for bit in [0, 7] {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                // Whatever it makes of it, it ends, and content that is given is the right one.
                let Ok(archive) = opened(&bad) else { continue };
                for (entry, expected) in archive.entries.iter().zip([&b"hello hello hello"[..], b"world"]) {
                    let mut content = Vec::new();
                    let read = archive.read(entry).and_then(|mut reader| reader.read_to_end(&mut content));
                    assert!(read.is_err() || content == expected, "byte {at}, bit {bit}");
                }
            }
            let _ = opened(&good[..at]);
        }
        assert!(opened(b"PK\x03\x04 and no more").is_err());
        assert!(opened(b"").is_err());
    }

    #[test]
    fn a_bomb_is_stopped() {
        let mut writer = Writer::new(Vec::new());
        let piece = vec![b' '; 1 << 20];
        writer.file("bomb", |out| (0..80).try_for_each(|_| out.write_all(&piece))).unwrap();
        let archive = opened(&writer.finish().unwrap()).unwrap();
        let mut sink = io::sink();
        let stopped = io::copy(&mut archive.read(&archive.entries[0]).unwrap(), &mut sink).unwrap_err();
        assert!(stopped.to_string().contains("beyond reason"), "{stopped}");
    }
}
