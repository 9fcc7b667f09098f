//! The archive's file while it is written: private, and handed to the disk piece by piece.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::stage::SYNC_BYTES;

pub struct Sink {
    file: File,
    waiting: u64,
}

impl Sink {
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: private(path)?, waiting: 0 })
    }

    /// Everything is on the disk when this returns.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// A new file that only its owner can read.
pub fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.waiting += written as u64;
        if self.waiting >= SYNC_BYTES {
            self.waiting = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
