//! The first bytes of a database file (https://www.sqlite.org/fileformat2.html, 1.3), and the names of the files beside it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What every database file begins with.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What SQLite writes into bytes 18 and 19 of a file in WAL mode (1.3.3).
const WAL_MODE: u8 = 2;
const HEADER_BYTES: usize = 100;

/// The first bytes of a database file, read from the file and not through SQLite.
pub struct Header([u8; HEADER_BYTES]);

impl Header {
    /// `None` for a file that is too short to be a database.
    pub fn read(file: &fs::File) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Some(Self(bytes))),
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with(MAGIC)
    }

    pub fn cookie(&self) -> u32 {
        self.number(40)
    }

    pub fn page_bytes(&self) -> u32 {
        match u16::from_be_bytes([self.0[16], self.0[17]]) {
            1 => 65536,
            bytes => bytes.into(),
        }
    }

    /// How many pages the file has, where the header is up to date about it.
    pub fn pages(&self) -> Option<u32> {
        (self.number(24) == self.number(92)).then(|| self.number(28)).filter(|pages| *pages > 0)
    }

    pub fn is_wal_mode(&self) -> bool {
        self.0[18] == WAL_MODE
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }
}

/// `agentx.db` and `-wal` → `agentx.db-wal`.
pub fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether a write-ahead log with content lies beside a database.
pub fn has_wal(database: &Path) -> bool {
    bytes_of(&beside(database, "-wal")) > 0
}

/// Whether a rollback journal with content does: SQLite undoes what a crash cut off when it opens the file to write.
pub fn has_journal(database: &Path) -> bool {
    bytes_of(&beside(database, "-journal")) > 0
}

/// How large a file is; one that cannot be read counts as empty.
pub fn bytes_of(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}
