//! Where the copies of the databases lie until they are in the archive: beside it, or in the data directory where the
//! archive is encrypted or goes to a place that the data's owner cannot reach. Then nothing that can be read ever touches the disk that it goes to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::owner;
use super::super::partial::Partial;
use super::super::space;
use super::super::stand_in::is_read_only;
use super::Options;
use crate::domain::{Error, Result};
use crate::store::copy::Moment;

/// What is added to the need for disk space: manifest, sums, directories, and what is written meanwhile, in bytes.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

pub struct Scratch<'a> {
    beside: &'a Partial,
    own: Option<Partial>,
}

impl<'a> Scratch<'a> {
    /// Errors: `Unavailable` when the data directory cannot be written.
    pub fn of(options: &Options, beside: &'a Partial) -> Result<Self> {
        // SQLite wants a path that it can reach.
        let apart = options.encryption.is_some() || beside.is_lent();
        let place = if is_read_only(&options.data_dir) { std::env::temp_dir() } else { options.data_dir.clone() };
        let own = if apart { Some(Partial::make(&place)?) } else { None };
        Ok(Self { beside, own })
    }

    pub fn path(&self) -> &Path {
        self.own.as_ref().unwrap_or(self.beside).path()
    }

    /// An empty directory to take the databases out to. Errors: `Unavailable` when it cannot be made.
    pub fn check_directory(&self) -> Result<PathBuf> {
        self.own.as_ref().unwrap_or(self.beside).inner("check")
    }

    /// Text compresses to less than half; agents' files may not compress at all.
    ///
    /// Errors: `Unavailable` where a disk is too small, naming both numbers.
    pub fn require_space(&self, options: &Options, moment: &Moment, files: u64) -> Result<()> {
        let copies: u64 = moment.databases().iter().map(|database| database.bytes).sum();
        let archive = copies / 2 + files + RESERVE_BYTES;
        owner::with_own_rights(|| {
            if same_disk(self.path(), &options.into)? {
                return space::require(&options.into, copies + archive);
            }
            space::require(self.path(), copies + RESERVE_BYTES)?;
            space::require(&options.into, archive)
        })
    }
}

fn same_disk(one: &Path, other: &Path) -> Result<bool> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).map_err(Error::internal);
    Ok(device(one)? == device(other)?)
}
