//! A backup, while people chat: copies of both databases as they were at one moment, agents' files, key, settings and
//! declared tool servers, in one archive that is verified before it gets its name.

mod files;
mod list;
mod name;
mod scheduled;
mod scratch;
mod sink;
mod stage;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::archive::{self, Decryption, Encrypting, Encryption, FORMAT, FilesFacts, Manifest, Meta, Report, Writer};
use super::meter::Meter;
use super::owner;
use super::partial::{Partial, rename_to_new};
use super::stand_in::StandIn;
use crate::domain::bytes::human;
use crate::domain::secret::Secret;
use crate::domain::{Code, Error, Result, clock};
use crate::store::copy::Moment;
use crate::store::kept_key;
pub use list::{Listed, latest, list, remove_old};
pub use scheduled::scheduled;
use scratch::Scratch;
use sink::Sink;
use stage::Staged;

/// Archives of one second.
const NUMBERS: u32 = 1000;

/// What a backup is made of, and where it goes.
#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    /// Made, private, where it is not there.
    pub into: PathBuf,
    /// The key that signs tokens, where it is not the one kept in the data directory.
    pub key: Option<Secret>,
    /// The settings that differ from their defaults, as an env file.
    pub settings: Secret,
    pub encryption: Encryption,
}

/// A backup that was made and found good.
#[derive(Debug, Clone)]
pub struct Made {
    pub path: PathBuf,
    pub report: Report,
}

impl Made {
    /// What is in it, for logs and people.
    pub fn sentence(&self) -> String {
        let Report { manifest, archive_bytes, files, .. } = &self.report;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let count = |table: &str| manifest.rows(table);
        format!(
            "{name}, {}, verified: {} accounts, {} conversations, {} messages, {files} files",
            human(*archive_bytes),
            count("users"),
            count("images"),
            count("messages"),
        )
    }
}

/// Makes a backup. Whatever happens, either a verified archive has its name at the end, or nothing is left behind.
///
/// Errors: `NotFound` without databases; `Unavailable` when the disk is too small or full, and when something cannot be
/// read, written or verified; `Conflict` when the meter says stop.
pub fn make(options: &Options, meter: &mut Meter<'_>) -> Result<Made> {
    options.encryption.check()?;
    // First, so that a data directory that is none is not made one.
    let stand_in = StandIn::of(&options.data_dir)?;
    let moment = Moment::of(stand_in.as_ref().map_or(&options.data_dir, StandIn::path))?;
    make_directory(&options.into)?;
    let partial = Partial::make_outside(&options.into)?;
    let scratch = Scratch::of(options, &partial)?;
    let created_at = clock::now_ms();
    let counted = files::count(&options.data_dir, meter)?;
    scratch.require_space(options, &moment, counted.bytes)?;
    let staged = stage::copy(moment, scratch.path(), meter)?;
    let unfinished = partial.path().join("archive");
    let (mut warnings, decryption) =
        write(options, &staged, manifest(&staged, created_at, counted), scratch.path(), &unfinished, meter)?;
    for copy in &staged {
        let _ = fs::remove_file(&copy.path); // the check needs the room; whatever is left goes with the directory
    }
    let check = scratch.check_directory()?;
    let mut report = archive::verify_in(&unfinished, &decryption, &check, meter).map_err(not_good)?;
    warnings.append(&mut report.warnings);
    report.warnings = warnings;
    let name = partial.named().join("archive");
    let path = publish((&unfinished, &name), &options.into, created_at, options.encryption.is_some())?;
    Ok(Made { path, report })
}

fn manifest(staged: &[Staged], created_at: i64, files: FilesFacts) -> Manifest {
    Manifest {
        format: FORMAT,
        program: "portagent".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at,
        databases: staged.iter().map(|copy| copy.facts.clone()).collect(),
        files,
    }
}

/// Returns what was odd, and what opens the archive.
fn write(
    options: &Options,
    staged: &[Staged],
    manifest: Manifest,
    scratch: &Path,
    archive: &Path,
    meter: &mut Meter<'_>,
) -> Result<(Vec<String>, Decryption)> {
    meter.begin("compressing", manifest.database_bytes() + manifest.files.bytes);
    let owner = fs::metadata(&options.data_dir).map_err(Error::internal)?;
    let mut own = Meta::from(&owner);
    own.mode = 0o600;
    own.modified = u64::try_from(manifest.created_at / 1000).unwrap_or(0);
    let spool = sink::private(&scratch.join("sums")).map_err(not_written)?;
    let (into, decryption) = Encrypting::begin(&options.encryption, Sink::create(archive).map_err(not_written)?)?;
    let mut writer = Writer::new(into, spool, own);
    let text = serde_json::to_vec_pretty(&manifest).map_err(Error::internal)?;
    writer.bytes("manifest.json", &text).map_err(not_written)?;
    for copy in staged {
        let name = format!("data/{}", copy.facts.file);
        let mut file = File::open(&copy.path).map_err(not_written)?;
        let mut from = Metered { from: &mut file, meter };
        writer.stream(Path::new(&name), copy.facts.bytes, own, &mut from).map_err(not_written)?;
    }
    let mut warnings = Vec::new();
    match options.key.clone().map_or_else(|| kept_key(&options.data_dir), |key| Ok(Some(key)))? {
        Some(key) => writer.bytes("jwt-secret", key.expose().as_bytes()).map_err(not_written)?,
        None => {
            warnings.push("the key that signs tokens is not known here: set JWT_SECRET as the server does".to_owned())
        }
    }
    writer.bytes("settings.env", options.settings.expose().as_bytes()).map_err(not_written)?;
    match declared_servers(&options.data_dir)? {
        Some(servers) if servers.len() as u64 > archive::SERVERS_BYTES => {
            warnings.push(format!("{} is too large, and was left out", archive::SERVERS));
        }
        Some(servers) => writer.bytes(archive::SERVERS, &servers).map_err(not_written)?,
        None => {}
    }
    warnings.append(&mut files::write(&options.data_dir, manifest.files, &mut writer, meter)?.into_warnings());
    writer.finish().and_then(Encrypting::finish).and_then(Sink::finish).map_err(not_written)?;
    Ok((warnings, decryption))
}

/// As they are declared, with what they hold of secrets: settings and databases hold others. A byte more than there
/// is room for at most.
fn declared_servers(data_dir: &Path) -> Result<Option<Vec<u8>>> {
    let path = data_dir.join(archive::SERVERS);
    let read = || {
        let mut bytes = Vec::new();
        File::open(&path)?.take(archive::SERVERS_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::unavailable("cannot_read", format!("cannot read {}: {cause}", path.display()))
            .hint("give it to the user that runs portagent, or remove it")),
    }
}

struct Metered<'s, 'm> {
    from: &'s mut File,
    meter: &'s mut Meter<'m>,
}

impl io::Read for Metered<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.meter.advance_io(read as u64)?;
        Ok(read)
    }
}

/// Gives the archive an unused name, which is on the disk when this returns. `archive`: where it was written, and that
/// place by name.
fn publish((archive, named): (&Path, &Path), into: &Path, created_at: i64, is_encrypted: bool) -> Result<PathBuf> {
    let made = File::open(archive).map_err(not_written)?;
    owner::with_own_rights(|| is_at(&made, named)).map_err(not_written)?;
    for number in 1..=NUMBERS {
        let target = into.join(name::name(created_at, number, is_encrypted));
        let rename = || {
            rename_to_new(named, &target)?;
            owner::give(&made, into)?;
            File::open(into)?.sync_all()
        };
        match owner::with_own_rights(rename) {
            Ok(()) => return Ok(target),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(not_written(cause)),
        }
    }
    Err(Error::conflict("too_many", "there are too many backups of this second"))
}

/// Whether the name is still that of the file that was found good.
fn is_at(file: &File, named: &Path) -> io::Result<()> {
    let (ours, found) = (file.metadata()?, fs::symlink_metadata(named)?);
    if (ours.dev(), ours.ino()) == (found.dev(), found.ino()) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn make_directory(path: &Path) -> Result<()> {
    owner::with_own_rights(|| owner::make_directory(path)).map_err(|cause| {
        Error::unavailable(Code::CANNOT_WRITE, format!("cannot make the directory {}: {cause}", path.display()))
            .hint("name another directory with --out or BACKUP_DIR")
    })
}

fn not_written(cause: io::Error) -> Error {
    files::written(cause, |cause| match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::unavailable(Code::DISK_FULL, "the disk is full: the backup was not made")
                .hint("free some space, or choose a directory on another disk")
        }
        _ => Error::unavailable("backup_failed", format!("the backup cannot be written: {cause}")),
    })
}

/// The archive that was just made is not good: its temporary name means nothing to a person.
fn not_good(error: Error) -> Error {
    match error.code {
        Code::STOPPED | Code::DISK_TOO_SMALL => error,
        _ => {
            let what = error.message.rsplit_once("archive: ").map_or(&*error.message, |(_, what)| what);
            let message = format!("the new backup was not good, and was not kept: {what}");
            Error::unavailable(error.code, message).hint("`portagent db check` looks at the live databases")
        }
    }
}
