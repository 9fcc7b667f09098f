//! Writes an archive in one pass: tar, compressed, sealed, into whatever takes bytes.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::hashing::Hashing;
use super::{layout, seal, sums};

/// 6 is gzip's default; text gets hardly smaller above it, and takes much longer.
const LEVEL: u32 = 6;

/// What an entry says of a file besides its name and content.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Permission bits.
    pub mode: u32,
    pub owner: (u64, u64),
    /// Seconds since 1970.
    pub modified: u64,
}

impl From<&Metadata> for Meta {
    fn from(metadata: &Metadata) -> Self {
        Self {
            mode: metadata.mode(),
            owner: (metadata.uid().into(), metadata.gid().into()),
            modified: metadata.mtime().try_into().unwrap_or(0),
        }
    }
}

pub struct Writer<W: Write> {
    tar: tar::Builder<GzEncoder<Hashing<W>>>,
    /// The lines of SHA256SUMS, until their turn comes.
    sums: io::BufWriter<File>,
    own: Meta,
}

impl<W: Write> Writer<W> {
    /// `spool` is an empty file, readable and writable, of its own. `own` is for entries that no file is
    /// behind.
    pub fn new(into: W, spool: File, own: Meta) -> Self {
        let gzip = GzBuilder::new().operating_system(255).write(Hashing::new(into), Compression::new(LEVEL));
        Self { tar: tar::Builder::new(gzip), sums: io::BufWriter::new(spool), own }
    }

    /// A small file.
    pub fn bytes(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.stream(Path::new(name), content.len() as u64, self.own, &mut &content[..]).map(drop)
    }

    /// A file of exactly this length: one that turns out to be shorter is filled with zeros, one that is longer is
    /// cut off. Says whether it had its length.
    pub fn stream(&mut self, name: &Path, length: u64, meta: Meta, from: &mut dyn Read) -> io::Result<bool> {
        let mut header = header(EntryType::Regular, meta);
        header.set_size(length);
        let mut content = Hashing::new(Exactly { inner: from, left: length, is_short: false });
        self.tar.append_data(&mut header, name, &mut content)?;
        let short = content.inner.is_short;
        let too_long = !short && content.inner.inner.read(&mut [0])? > 0;
        use std::os::unix::ffi::OsStrExt as _;
        self.sums.write_all(&sums::line(name.as_os_str().as_bytes(), &content.digest()))?;
        Ok(!short && !too_long)
    }

    pub fn directory(&mut self, name: &Path, meta: Meta) -> io::Result<()> {
        self.tar.append_data(&mut header(EntryType::Directory, meta), name, io::empty())
    }

    pub fn link(&mut self, name: &Path, target: &Path, meta: Meta) -> io::Result<()> {
        self.tar.append_link(&mut header(EntryType::Symlink, meta), name, target)
    }

    /// The sums, the end, and the seal.
    pub fn finish(mut self) -> io::Result<W> {
        let mut sums = self.sums.into_inner().map_err(io::IntoInnerError::into_error)?;
        let length = sums.stream_position()?;
        sums.rewind()?;
        let mut header = header(EntryType::Regular, self.own);
        header.set_size(length);
        self.tar.append_data(&mut header, layout::SUMS, sums)?;
        seal::finish(self.tar.into_inner()?.finish()?)
    }
}

fn header(kind: EntryType, meta: Meta) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode & 0o7777);
    header.set_uid(meta.owner.0);
    header.set_gid(meta.owner.1);
    header.set_mtime(meta.modified);
    header.set_size(0);
    header
}

/// A reader of exactly so many bytes, whatever is behind it: the header with the length is written already.
struct Exactly<'a> {
    inner: &'a mut dyn Read,
    left: u64,
    is_short: bool,
}

impl Read for Exactly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let mut read = if self.is_short { 0 } else { self.inner.read(&mut into[..most])? };
        if read == 0 {
            self.is_short = true;
            into[..most].fill(0);
            read = most;
        }
        self.left -= read as u64;
        Ok(read)
    }
}
