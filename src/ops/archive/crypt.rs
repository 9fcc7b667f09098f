//! Encryption of archives, in the format of age (age-encryption.org/v1): for recipients, or with a passphrase. `age -d`
//! opens them elsewhere.
//!
//! Whoever has only a recipient cannot open what he encrypts, and an archive is good only when it was opened. So an
//! identity of the moment is a recipient as well: it never leaves our memory, and is forgotten after the check.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::stream::StreamWriter;
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient, scrypt, x25519};

use super::read::damaged;
use super::verify::Unlock;
use crate::domain::secret::Secret;
use crate::domain::{Error, Result};

const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// The longest header that is read: thousands of recipients.
const HEADER_BYTES: u64 = 1024 * 1024;
/// How its last line begins.
const HEADER_END: &[u8] = b"\n--- ";
/// scrypt takes 2^16 KiB, 64 MiB: what a small machine can spare. What others made may take 1 GiB.
const WORK_FACTOR: u8 = 16;
const MOST_WORK_FACTOR: u8 = 20;
/// The largest file with identities, in bytes.
const IDENTITIES_BYTES: u64 = 1024 * 1024;

/// Whom an archive is for.
#[derive(Debug, Clone)]
pub enum Lock {
    /// Whoever can read the file.
    Nobody,
    /// Whoever has an identity of one of these recipients (`age1…`).
    Recipients(Vec<String>),
    /// Whoever knows it.
    Passphrase(Secret),
}

impl Lock {
    pub fn is_set(&self) -> bool {
        !matches!(self, Self::Nobody)
    }

    /// Errors: `Invalid` for what is no recipient, and for an empty passphrase.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Nobody => Ok(()),
            Self::Recipients(recipients) => recipients.iter().try_for_each(|one| recipient(one).map(drop)),
            Self::Passphrase(passphrase) if passphrase.expose().is_empty() => {
                Err(Error::invalid("no_passphrase", "the passphrase is empty").hint("give one of several words"))
            }
            Self::Passphrase(_) => Ok(()),
        }
    }
}

/// What takes the bytes of an archive.
pub enum Locked<W: Write> {
    Plain(W),
    Age(Box<StreamWriter<W>>),
}

impl<W: Write> Locked<W> {
    /// Begins to write, and says what opens it for the check.
    ///
    /// Errors: those of [`Lock::check`]; `Unavailable` when the header cannot be written.
    pub fn begin(lock: &Lock, into: W) -> Result<(Self, Unlock)> {
        lock.check()?;
        let (encryptor, unlock) = match lock {
            Lock::Nobody => return Ok((Self::Plain(into), Unlock::Nothing)),
            Lock::Recipients(recipients) => for_recipients(recipients)?,
            Lock::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose()));
                recipient.set_work_factor(WORK_FACTOR);
                (encryptor(&[&recipient])?, Unlock::Passphrase(passphrase.clone()))
            }
        };
        let writer = encryptor
            .wrap_output(into)
            .map_err(|cause| Error::unavailable("backup_failed", format!("the backup cannot be written: {cause}")))?;
        Ok((Self::Age(Box::new(writer)), unlock))
    }

    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Age(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for Locked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(bytes),
            Self::Age(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Age(writer) => writer.flush(),
        }
    }
}

fn for_recipients(texts: &[String]) -> Result<(Encryptor, Unlock)> {
    let of_the_moment = x25519::Identity::generate();
    let mut recipients = vec![of_the_moment.to_public()];
    for text in texts {
        recipients.push(recipient(text)?);
    }
    let recipients: Vec<&dyn Recipient> = recipients.iter().map(|one| one as _).collect();
    Ok((encryptor(&recipients)?, Unlock::Key(Secret::new(of_the_moment.to_string().expose_secret()))))
}

fn encryptor(recipients: &[&dyn Recipient]) -> Result<Encryptor> {
    Encryptor::with_recipients(recipients.iter().copied())
        .map_err(|_| Error::invalid("bad_recipient", "these recipients cannot be used together"))
}

fn recipient(text: &str) -> Result<x25519::Recipient> {
    text.trim().parse().map_err(|_| {
        Error::invalid("bad_recipient", format!("not a recipient of age: {text:?}"))
            .hint("a recipient begins with age1; `age-keygen -y IDENTITY_FILE` prints it")
    })
}

/// Whether the file is one of age.
pub fn is_encrypted(archive: &Path) -> bool {
    File::open(archive).is_ok_and(|mut file| begins_with_magic(&mut file).unwrap_or(false))
}

/// The archive inside the file, and whether it was encrypted.
///
/// Errors: `Conflict` where it is, and `unlock` does not open it; `Unavailable` where its header is damaged.
pub fn open(mut file: File, unlock: &Unlock) -> Result<(Box<dyn Read>, bool)> {
    if !begins_with_magic(&mut file).map_err(unreadable)? {
        return Ok((Box::new(file), false));
    }
    check_header(&mut file)?;
    let identities = identities(unlock)?;
    let decryptor = Decryptor::new(BufReader::new(file)).map_err(refused)?;
    if decryptor.is_scrypt() != matches!(unlock, Unlock::Passphrase(_)) {
        return Err(locked(if decryptor.is_scrypt() { "a passphrase" } else { "an identity of age" }));
    }
    let opened = decryptor.decrypt(identities.iter().map(|one| one.as_ref() as &dyn Identity)).map_err(refused)?;
    Ok((Box::new(opened), true))
}

fn begins_with_magic(file: &mut File) -> io::Result<bool> {
    let mut beginning = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut beginning)?;
    file.rewind()?;
    Ok(beginning == MAGIC)
}

/// A header without an end would be read into memory for as long as the file is.
fn check_header(file: &mut File) -> Result<()> {
    let mut beginning = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut beginning).and_then(|_| file.rewind()).map_err(unreadable)?;
    let ends = beginning.windows(HEADER_END.len()).any(|part| part == HEADER_END);
    if ends { Ok(()) } else { Err(damaged("its encryption header has no end")) }
}

fn identities(unlock: &Unlock) -> Result<Vec<Box<dyn Identity + Send + Sync>>> {
    match unlock {
        Unlock::Nothing => Err(locked("its passphrase or identity")),
        Unlock::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose()));
            identity.set_max_work_factor(MOST_WORK_FACTOR);
            Ok(vec![Box::new(identity)])
        }
        Unlock::Key(key) => parsed(key.expose().as_bytes(), "the key"),
        Unlock::Identity(path) => {
            let mut text = Vec::new();
            let name = path.display().to_string();
            File::open(path)
                .and_then(|file| file.take(IDENTITIES_BYTES).read_to_end(&mut text))
                .map_err(|cause| Error::unavailable("identity_unreadable", format!("cannot read {name}: {cause}")))?;
            parsed(&text, &name)
        }
    }
}

fn parsed(text: &[u8], name: &str) -> Result<Vec<Box<dyn Identity + Send + Sync>>> {
    let identities = IdentityFile::from_buffer(text).ok().and_then(|file| file.into_identities().ok());
    identities.filter(|found| !found.is_empty()).ok_or_else(|| {
        Error::unavailable("bad_identity", format!("there is no identity of age in {name}"))
            .hint("a line of it begins with AGE-SECRET-KEY-1; `age-keygen` makes one")
    })
}

fn locked(needed: &str) -> Error {
    Error::conflict("archive_locked", format!("the archive is encrypted, and {needed} is needed to open it"))
        .hint("use --identity FILE or --passphrase-file FILE")
}

fn refused(cause: DecryptError) -> Error {
    match cause {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed => {
            Error::conflict("archive_wrong_key", "the archive is encrypted for somebody else, or damaged")
                .hint("check the passphrase or identity; another one may be meant")
        }
        DecryptError::ExcessiveWork { .. } => damaged("opening it would take more memory than we give"),
        DecryptError::Io(cause) if cause.raw_os_error().is_some() => unreadable(cause),
        _ => damaged("its encryption header is not whole"),
    }
}

fn unreadable(cause: io::Error) -> Error {
    Error::unavailable("archive_unreadable", format!("the archive cannot be read: {cause}"))
}
