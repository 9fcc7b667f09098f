//! Agents' files, as they are at the moment at which each is read. Links are kept as links and never followed; what is
//! neither file nor directory nor link is left out and counted.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::archive::{FilesFacts, Names, Writer};
use super::super::meter::{Meter, or_stopped};
use crate::domain::{Error, Result};
use crate::workdirs::{Closed, Entry, Found, Usage, Workdirs};

/// Warnings that are told one by one; the rest is counted.
const WARNINGS: usize = 20;

/// What was left out, or is not as it was.
#[derive(Debug, Default)]
pub struct Oddities {
    told: Vec<String>,
    more: u64,
    /// Sockets, pipes and devices.
    special: u64,
}

impl Oddities {
    fn add(&mut self, path: &Path, what: &str) {
        if self.told.len() < WARNINGS {
            self.told.push(format!("{} {what}", path.display()));
        } else {
            self.more += 1;
        }
    }

    pub fn into_warnings(self) -> Vec<String> {
        let mut warnings = self.told;
        if self.more > 0 {
            warnings.push(format!("and {} more files like these", self.more));
        }
        if self.special > 0 {
            warnings.push(format!("{} sockets, pipes or devices were left out", self.special));
        }
        warnings
    }
}

/// How much there is, for the disk check and the manifest.
pub fn count(data_dir: &Path, meter: &Meter<'_>) -> Result<FilesFacts> {
    let mut usage = Usage::default();
    let mut walk = Workdirs::of(data_dir).walk()?;
    while let Some(entry) = walk.step().map_err(unreadable)? {
        meter.check()?;
        usage.add(&entry);
    }
    Ok(FilesFacts { count: usage.files, bytes: usage.bytes })
}

/// Puts them all into the archive, whose manifest says what was counted.
pub fn write<W: Write>(
    data_dir: &Path,
    counted: FilesFacts,
    writer: &mut Writer<W>,
    meter: &mut Meter<'_>,
) -> Result<Oddities> {
    let most = counted.with_slack();
    let (mut usage, mut names, mut oddities) = (Usage::default(), Names::default(), Oddities::default());
    let mut walk = Workdirs::of(data_dir).walk()?;
    while let Some(entry) = walk.step().map_err(unreadable)? {
        meter.check()?;
        let path = &entry.path;
        let is_directory = matches!(entry.found, Found::Directory(..));
        if names.add(path.as_os_str().as_bytes(), is_directory).is_err() {
            continue; // listed a second time: it was removed and made again meanwhile
        }
        usage.add(&entry);
        if usage.files > most.count || usage.bytes > most.bytes {
            return Err(grown());
        }
        match &entry.found {
            Found::File(_) => file(&entry, writer, meter, &mut oddities)?,
            Found::Link(metadata, target) => writer.link(path, target, metadata.into()).map_err(super::not_written)?,
            Found::Directory(metadata, closed) => {
                writer.directory(path, metadata.into()).map_err(super::not_written)?;
                match closed {
                    None => {}
                    Some(Closed::TooDeep) => oddities.add(path, "is too deep: what is in it was left out"),
                    Some(Closed::Unreadable(cause)) => oddities.add(path, lost(cause)),
                }
            }
            Found::Special => oddities.special += 1,
            Found::Lost(cause) => oddities.add(path, lost(cause)),
        }
    }
    Ok(oddities)
}

fn file<W: Write>(
    entry: &Entry<'_>,
    writer: &mut Writer<W>,
    meter: &mut Meter<'_>,
    oddities: &mut Oddities,
) -> Result<()> {
    let name = &entry.path;
    let (file, metadata) = match entry.open() {
        Ok(opened) => opened,
        Err(cause) => {
            oddities.add(name, lost(&cause));
            return Ok(());
        }
    };
    let mut source = Source { file, meter, failed: false };
    let whole = writer.stream(name, metadata.len(), (&metadata).into(), &mut source).map_err(super::not_written)?;
    match (source.failed, whole) {
        (true, _) => oddities.add(name, "could not be read to its end: it is filled with zeros"),
        (false, false) => oddities.add(name, "changed its size while it was read"),
        (false, true) => {}
    }
    Ok(())
}

/// The file, counted. One that cannot be read any further ends: the archive goes on without the rest.
struct Source<'s, 'm> {
    file: File,
    meter: &'s mut Meter<'m>,
    failed: bool,
}

impl Read for Source<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.file.read(into) {
            Err(cause) if cause.kind() != io::ErrorKind::Interrupted => {
                self.failed = true;
                0
            }
            other => other?,
        };
        self.meter.advance_io(read as u64)?;
        Ok(read)
    }
}

fn lost(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "vanished while the backup ran",
        io::ErrorKind::PermissionDenied => "may not be read by us: it was left out",
        io::ErrorKind::InvalidFilename => "has too long a name: it was left out",
        _ => "cannot be read: it was left out",
    }
}

fn grown() -> Error {
    Error::unavailable("files_grew", "agents write files faster than the backup can count them: it was not made")
        .hint("make a backup when fewer agents are at work")
}

fn unreadable(cause: io::Error) -> Error {
    Error::unavailable("cannot_read", format!("cannot read the agents' files: {cause}"))
}

/// For errors of the archive that may be a stop in truth.
pub(super) fn written(cause: io::Error, other: impl FnOnce(io::Error) -> Error) -> Error {
    or_stopped(cause, other)
}
