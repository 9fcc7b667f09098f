//! Encryption of archives, in the format of age (age-encryption.org/v1): for recipients, or with a passphrase. `age -d`
//! opens them elsewhere.
//!
//! With a recipient alone an archive cannot be opened, and it is good only when it was opened. So a temporary identity
//! is a recipient as well: it never leaves our memory, and is dropped after the check.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret as _, SecretString};
use age::stream::StreamWriter;
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient, scrypt, x25519};

use super::error::{damaged, unreadable};
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

/// How an archive is encrypted.
#[derive(Debug, Clone)]
pub enum Encryption {
    None,
    /// For the identities of these recipients (`age1…`).
    Recipients(Vec<String>),
    Passphrase(Secret),
}

/// What opens an encrypted archive.
#[derive(Debug, Clone)]
pub enum Decryption {
    None,
    /// A file with age identities.
    Identity(PathBuf),
    Passphrase(Secret),
    /// An age identity itself.
    Key(Secret),
}

impl Encryption {
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Errors: `Invalid` for what is no recipient, and for an empty passphrase.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Recipients(recipients) => recipients.iter().try_for_each(|one| recipient(one).map(drop)),
            Self::Passphrase(passphrase) if passphrase.expose().is_empty() => {
                Err(Error::invalid("no_passphrase", "the passphrase is empty").hint("give one of several words"))
            }
            Self::Passphrase(_) => Ok(()),
        }
    }
}

/// What takes the bytes of an archive.
pub enum Encrypting<W: Write> {
    Plain(W),
    Age(Box<StreamWriter<W>>),
}

impl<W: Write> Encrypting<W> {
    /// Begins to write, and says what opens it for the check.
    ///
    /// Errors: those of [`Encryption::check`]; `Unavailable` when the header cannot be written.
    pub fn begin(encryption: &Encryption, into: W) -> Result<(Self, Decryption)> {
        encryption.check()?;
        let (encryptor, decryption) = match encryption {
            Encryption::None => return Ok((Self::Plain(into), Decryption::None)),
            Encryption::Recipients(recipients) => for_recipients(recipients)?,
            Encryption::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose()));
                recipient.set_work_factor(WORK_FACTOR);
                (encryptor(&[&recipient])?, Decryption::Passphrase(passphrase.clone()))
            }
        };
        let writer = encryptor
            .wrap_output(into)
            .map_err(|cause| Error::unavailable("backup_failed", format!("the backup cannot be written: {cause}")))?;
        Ok((Self::Age(Box::new(writer)), decryption))
    }

    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Age(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for Encrypting<W> {
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

fn for_recipients(texts: &[String]) -> Result<(Encryptor, Decryption)> {
    let temporary = x25519::Identity::generate();
    let mut recipients = vec![temporary.to_public()];
    for text in texts {
        recipients.push(recipient(text)?);
    }
    let recipients: Vec<&dyn Recipient> = recipients.iter().map(|one| one as _).collect();
    Ok((encryptor(&recipients)?, Decryption::Key(Secret::new(temporary.to_string().expose_secret()))))
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
/// Errors: `Conflict` where it is, and `decryption` does not open it; `Unavailable` where its header is damaged.
pub fn open(mut file: File, decryption: &Decryption) -> Result<(Box<dyn Read>, bool)> {
    if !begins_with_magic(&mut file).map_err(unreadable)? {
        return Ok((Box::new(file), false));
    }
    check_header(&mut file)?;
    let identities = identities(decryption)?;
    let decryptor = Decryptor::new(BufReader::new(file)).map_err(refused)?;
    if decryptor.is_scrypt() != matches!(decryption, Decryption::Passphrase(_)) {
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

fn identities(decryption: &Decryption) -> Result<Vec<Box<dyn Identity + Send + Sync>>> {
    match decryption {
        Decryption::None => Err(locked("its passphrase or identity")),
        Decryption::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose()));
            identity.set_max_work_factor(MOST_WORK_FACTOR);
            Ok(vec![Box::new(identity)])
        }
        Decryption::Key(key) => parsed(key.expose().as_bytes(), "the key"),
        Decryption::Identity(path) => {
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
            Error::conflict("archive_wrong_key", "the archive is encrypted for another recipient, or damaged")
                .hint("check the passphrase or identity; another one may be meant")
        }
        DecryptError::ExcessiveWork { .. } => damaged("opening it would take more memory than we give"),
        DecryptError::Io(cause) if cause.raw_os_error().is_some() => unreadable(cause),
        _ => damaged("its encryption header is not whole"),
    }
}
