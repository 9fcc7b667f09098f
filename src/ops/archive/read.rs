//! Reads an archive in one pass and trusts nothing in it: names are checked, lengths are counted, and memory stays small
//! whatever the file says about itself.

use std::io::{self, BufRead, BufReader, Read, Write as _};

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::destination::{Destination, Keep};
use super::error::{damaged, not_ours, shown, unreadable};
use super::hashing::Hashing;
use super::layout::{self, Part};
use super::manifest::Manifest;
use super::names::Names;
use super::seal::SealReader;
use super::sums::Expected;
use crate::domain::id::hex;
use crate::domain::{Error, Result};
use crate::ops::meter::{Meter, or_stopped};

const BUFFER_BYTES: usize = 64 * 1024;
/// From this length on, in bytes, a file is begun only where there is room for all of it.
const LARGE_BYTES: u64 = 1024 * 1024;
/// Zeros that may stand behind the tar's end: tar fills its last record.
const PADDING_BYTES: u64 = 64 * 1024;

/// What was found.
pub struct Found {
    pub manifest: Manifest,
    pub files: u64,
    pub file_bytes: u64,
    pub links: u64,
}

/// Reads to the end, checking everything but what is inside the databases.
///
/// Errors: `Unavailable` for an archive that is damaged, of a newer program or no archive at all, and when the place
/// cannot be written or has no room; `Conflict` when the meter says stop.
pub fn read(from: impl Read, place: Destination<'_>, meter: &mut Meter<'_>) -> Result<Found> {
    let compressed = BufReader::with_capacity(BUFFER_BYTES, SealReader::new(from));
    let mut tar = Archive::new(GzDecoder::new(compressed));
    let mut reading = Reading {
        place,
        meter,
        last: None,
        names: Names::default(),
        expected: Expected::default(),
        found: None,
        count: 0,
    };
    // Raw: extensions of the format are met as entries of their own, so that their lengths are ours to limit.
    let entries = tar.entries().map_err(unread)?.raw(true);
    let mut longer = Longer::default();
    for entry in entries {
        let entry = entry.map_err(unread)?;
        reading.count += 1;
        if reading.count > layout::ENTRIES {
            return Err(damaged("it has too many entries"));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => longer.name = Some(text(entry)?),
            EntryType::GNULongLink => longer.link = Some(text(entry)?),
            _ => reading.entry(entry, std::mem::take(&mut longer))?,
        }
    }
    let found = reading.finish()?;
    let mut gzip = tar.into_inner();
    only_zeros(&mut gzip)?;
    let mut compressed = gzip.into_inner();
    if !compressed.fill_buf().map_err(unread)?.is_empty() {
        return Err(damaged("something stands behind its end"));
    }
    if !compressed.get_ref().is_sealed() {
        return Err(damaged("its checksum is not that of its content"));
    }
    Ok(found)
}

/// What entries before a file say about its name.
#[derive(Default)]
struct Longer {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

struct Reading<'r, 'm> {
    place: Destination<'r>,
    meter: &'r mut Meter<'m>,
    last: Option<Part>,
    names: Names,
    expected: Expected,
    found: Option<Found>,
    count: u64,
}

impl Reading<'_, '_> {
    fn entry<R: Read>(&mut self, entry: Entry<'_, R>, longer: Longer) -> Result<()> {
        let header = entry.header();
        let kind = header.entry_type();
        let mode = header.mode().map_err(unread)?;
        let name = longer.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let part = Part::of(&name).map_err(|what| damaged(&format!("an entry {what}: {}", shown(&name))))?;
        self.in_order(part)?;
        if part == Part::Files {
            let added = self.names.add(&name, kind == EntryType::Directory);
            added.map_err(|what| damaged(&format!("an entry {what}: {}", shown(&name))))?;
        }
        match (kind, part) {
            (EntryType::Regular, Part::Manifest) => self.manifest(&name, entry),
            (EntryType::Regular, _) => self.file(part, &name, mode, entry),
            (EntryType::Directory, Part::Files) => self.place.directory(&name).map_err(cannot_keep),
            (EntryType::Symlink, Part::Files) => {
                let target = longer.link.or_else(|| entry.link_name_bytes().map(|link| link.into_owned()));
                let target = target.filter(|target| !target.is_empty() && target.len() < layout::NAME_BYTES);
                let target = target.ok_or_else(|| damaged(&format!("a link leads nowhere: {}", shown(&name))))?;
                self.found()?.links += 1;
                self.place.link(&name, &target).map_err(cannot_keep)
            }
            _ => Err(damaged(&format!("an entry is of a kind that does not belong into a backup: {}", shown(&name)))),
        }
    }

    /// Everything stands at its place, and the single things once.
    fn in_order(&mut self, part: Part) -> Result<()> {
        let good = match self.last {
            None => part == Part::Manifest,
            Some(last) => part > last || (part == last && part.repeats()),
        };
        // Key, settings and tool servers may be missing, databases may not.
        let skipped = matches!((self.last, part), (Some(Part::Manifest), part) if part != Part::Database(0))
            || matches!((self.last, part), (Some(Part::Database(0)), part) if part != Part::Database(1));
        self.last = Some(part);
        if good && !skipped { Ok(()) } else { Err(not_ours()) }
    }

    fn found(&mut self) -> Result<&mut Found> {
        self.found.as_mut().ok_or_else(not_ours)
    }

    fn manifest<R: Read>(&mut self, name: &[u8], entry: Entry<'_, R>) -> Result<()> {
        let mut bytes = Vec::new();
        let mut content = Hashing::new(entry.take(layout::MANIFEST_BYTES + 1));
        content.read_to_end(&mut bytes).map_err(unread)?;
        if bytes.len() as u64 > layout::MANIFEST_BYTES {
            return Err(damaged("its manifest is too large"));
        }
        self.expected.add(name, &content.digest());
        let manifest = Manifest::read(&bytes)?;
        self.place.require(match self.place.keep {
            Keep::Databases => manifest.database_bytes(),
            Keep::Everything => manifest.database_bytes().saturating_add(manifest.files.bytes),
        })?;
        let keeps = self.place.file(Part::Manifest, name, 0o600).map_err(cannot_keep)?;
        if let Some(mut file) = keeps {
            file.write_all(&bytes).map_err(cannot_keep)?;
        }
        self.found = Some(Found { manifest, files: 0, file_bytes: 0, links: 0 });
        Ok(())
    }

    fn file<R: Read>(&mut self, part: Part, name: &[u8], mode: u32, entry: Entry<'_, R>) -> Result<()> {
        let length = entry.size();
        self.check_length(part, length)?;
        if part == Part::Files {
            self.check_sum(length)?;
        }
        let keeps = self.place.file(part, name, mode).map_err(cannot_keep)?;
        let digest = self.copy(entry, length, keeps)?;
        match part {
            Part::Database(at) => {
                let facts = &self.found()?.manifest.databases[at];
                if facts.sha256 != hex(&digest) {
                    return Err(damaged(&format!("its {} is not what its manifest says", facts.file)));
                }
            }
            Part::Sums if digest != self.expected.digest() => return Err(damaged("its SHA256SUMS are not its sums")),
            _ => {}
        }
        self.expected.add(name, &digest);
        Ok(())
    }

    fn check_length(&mut self, part: Part, length: u64) -> Result<()> {
        let good = match part {
            Part::Database(at) => length == self.found()?.manifest.databases[at].bytes,
            Part::Key => length <= layout::KEY_BYTES,
            Part::Settings => length <= layout::SETTINGS_BYTES,
            Part::Servers => length <= layout::SERVERS_BYTES,
            Part::Sums => length == self.expected.bytes(),
            Part::Manifest | Part::Files => true,
        };
        if good { Ok(()) } else { Err(damaged("an entry has the wrong length")) }
    }

    /// The manifest speaks of all agents' files, and there has to be room for this one.
    fn check_sum(&mut self, length: u64) -> Result<()> {
        let found = self.found()?;
        found.files += 1;
        found.file_bytes = found.file_bytes.saturating_add(length);
        let most = found.manifest.files.with_slack();
        if found.files > most.count || found.file_bytes > most.bytes {
            return Err(damaged("it has more agents' files than its manifest says"));
        }
        match self.place.keep {
            Keep::Everything if length >= LARGE_BYTES => self.place.require(length),
            _ => Ok(()),
        }
    }

    fn copy<R: Read>(
        &mut self,
        mut entry: Entry<'_, R>,
        length: u64,
        keeps: Option<std::fs::File>,
    ) -> Result<[u8; 32]> {
        let mut content = Hashing::new(&mut entry);
        let mut file = keeps;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut copied = 0;
        loop {
            let read = match content.read(&mut buffer) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(unread)?,
            };
            if read == 0 {
                break;
            }
            if let Some(file) = &mut file {
                file.write_all(&buffer[..read]).map_err(cannot_keep)?;
            }
            copied += read as u64;
            self.meter.advance(read as u64)?;
        }
        if copied == length { Ok(content.digest()) } else { Err(damaged("it ends too early")) }
    }

    fn finish(self) -> Result<Found> {
        match (self.last, self.found) {
            (Some(Part::Sums), Some(found)) => Ok(found),
            (None, _) => Err(not_ours()),
            _ => Err(damaged("it ends too early")),
        }
    }
}

/// The content of an extension: a name, ended by a zero byte.
fn text<R: Read>(entry: Entry<'_, R>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(layout::NAME_BYTES as u64 + 2).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.pop() != Some(0) || bytes.len() > layout::NAME_BYTES {
        return Err(damaged("an entry has an impossible name"));
    }
    Ok(bytes)
}

fn only_zeros(rest: &mut impl Read) -> Result<()> {
    let mut padding = Vec::new();
    rest.take(PADDING_BYTES + 1).read_to_end(&mut padding).map_err(unread)?;
    let good = padding.len() as u64 <= PADDING_BYTES && padding.iter().all(|byte| *byte == 0);
    if good { Ok(()) } else { Err(damaged("something stands behind its end")) }
}

/// A failure while reading: the disk's, the meter's, or else the content's.
fn unread(cause: io::Error) -> Error {
    or_stopped(cause, |cause| match cause.raw_os_error() {
        Some(_) => unreadable(cause),
        None => damaged(&cause.to_string()),
    })
}

fn cannot_keep(cause: io::Error) -> Error {
    Error::unavailable("cannot_extract", format!("cannot write what is in the archive: {cause}"))
}
