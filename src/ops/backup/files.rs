//! Agents' files, as they are at the moment at which each is read. Links are kept as links and never followed; what is
//! neither file nor directory nor link is left out and counted.

use std::fs::{self, File, Metadata, OpenOptions, ReadDir};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::super::archive::{FilesFacts, Meta, Writer};
use super::super::meter::{Meter, or_stopped};
use crate::domain::{Error, Result};

/// Directories inside each other. Each takes a descriptor while we are below it.
const DEPTH: usize = 100;
/// Warnings that are told one by one; the rest is counted.
const WARNINGS: usize = 20;
const ROOT: &str = "containers";

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
    let mut facts = FilesFacts::default();
    walk(data_dir, &mut Oddities::default(), &mut |_, found, _| {
        meter.check()?;
        if let Found::File(metadata) = found {
            facts.count += 1;
            facts.bytes = facts.bytes.saturating_add(metadata.len());
        }
        Ok(())
    })?;
    Ok(facts)
}

/// Puts them all into the archive.
pub fn write<W: Write>(data_dir: &Path, writer: &mut Writer<W>, meter: &mut Meter<'_>) -> Result<Oddities> {
    let mut oddities = Oddities::default();
    walk(data_dir, &mut oddities, &mut |name, found, oddities| {
        meter.check()?;
        match found {
            Found::File(_) => file(data_dir, name, writer, meter, oddities),
            Found::Directory(metadata) => writer.directory(name, meta(metadata)).map_err(super::not_written),
            Found::Link(metadata, target) => writer.link(name, target, meta(metadata)).map_err(super::not_written),
        }
    })?;
    Ok(oddities)
}

enum Found<'a> {
    File(&'a Metadata),
    Directory(&'a Metadata),
    Link(&'a Metadata, &'a Path),
}

type Visit<'a> = dyn FnMut(&Path, Found<'_>, &mut Oddities) -> Result<()> + 'a;

/// Visits everything below `containers/` with its name in the archive; a directory before what is in it.
fn walk(data_dir: &Path, oddities: &mut Oddities, visit: &mut Visit<'_>) -> Result<()> {
    let root = PathBuf::from(ROOT);
    let mut open: Vec<(PathBuf, ReadDir)> = match fs::read_dir(data_dir.join(&root)) {
        Ok(entries) => vec![(root, entries)],
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(unreadable(&data_dir.join(&root), &cause)),
    };
    while let Some((directory, entries)) = open.last_mut() {
        let Some(entry) = entries.next() else {
            open.pop();
            continue;
        };
        let entry = entry.map_err(|cause| unreadable(directory, &cause))?;
        let name = directory.join(entry.file_name());
        let path = data_dir.join(&name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(cause) => {
                oddities.add(&name, gone(&cause));
                continue;
            }
        };
        if metadata.is_file() {
            visit(&name, Found::File(&metadata), oddities)?;
        } else if metadata.is_symlink() {
            match fs::read_link(&path) {
                Ok(target) => visit(&name, Found::Link(&metadata, &target), oddities)?,
                Err(cause) => oddities.add(&name, gone(&cause)),
            }
        } else if metadata.is_dir() {
            visit(&name, Found::Directory(&metadata), oddities)?;
            match fs::read_dir(&path) {
                _ if open.len() >= DEPTH => oddities.add(&name, "is too deep: what is in it was left out"),
                Ok(entries) => open.push((name, entries)),
                Err(cause) => oddities.add(&name, gone(&cause)),
            }
        } else {
            oddities.special += 1;
        }
    }
    Ok(())
}

fn file<W: Write>(
    data_dir: &Path,
    name: &Path,
    writer: &mut Writer<W>,
    meter: &mut Meter<'_>,
    oddities: &mut Oddities,
) -> Result<()> {
    let (file, metadata) = match open(&data_dir.join(name)) {
        Ok((file, metadata)) if metadata.is_file() => (file, metadata),
        Ok(_) => {
            oddities.special += 1;
            return Ok(());
        }
        Err(cause) => {
            oddities.add(name, gone(&cause));
            return Ok(());
        }
    };
    let mut source = Source { file, meter, failed: false };
    let whole = writer.stream(name, metadata.len(), meta(&metadata), &mut source).map_err(super::not_written)?;
    match (source.failed, whole) {
        (true, _) => oddities.add(name, "could not be read to its end: it is filled with zeros"),
        (false, false) => oddities.add(name, "changed its size while it was read"),
        (false, true) => {}
    }
    Ok(())
}

/// A link that takes the file's place is not followed, and a pipe does not make us wait.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
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

fn gone(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "vanished while the backup ran",
        io::ErrorKind::PermissionDenied => "may not be read by us: it was left out",
        _ => "cannot be read: it was left out",
    }
}

fn unreadable(path: &Path, cause: &io::Error) -> Error {
    Error::unavailable("cannot_read", format!("cannot read {}: {cause}", path.display()))
}

pub(super) fn meta(metadata: &Metadata) -> Meta {
    Meta {
        mode: metadata.mode(),
        owner: (u64::from(metadata.uid()), u64::from(metadata.gid())),
        modified: u64::try_from(metadata.mtime()).unwrap_or(0),
    }
}

/// For errors of the archive that may be a stop in truth.
pub(super) fn written(cause: io::Error, other: impl FnOnce(io::Error) -> Error) -> Error {
    or_stopped(cause, other)
}
