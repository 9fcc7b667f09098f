//! What people give to messages: below their container, each content once, named by its digest. A file comes into being
//! under a name of its own and gets its digest as a name when it is whole and on the disk.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::LazyLock;

use super::dir::{Dir, next_name};
use crate::domain::id::{hex, random_bytes};

const MODE: u32 = 0o600;
/// What begins like this is being written.
const PARTIAL: &str = ".upload-";

/// Tells the partial files of this process from those that another one left behind.
static PROCESS: LazyLock<String> = LazyLock::new(|| format!("{PARTIAL}{}-", hex(&random_bytes::<8>())));

/// The directory of one person.
#[derive(Debug)]
pub struct Attachments(pub(super) Dir);

/// A file that is being written. Dropped before it is kept, it is gone.
#[derive(Debug)]
pub struct Partial {
    dir: Dir,
    name: OsString,
    pub file: File,
    is_kept: bool,
}

impl Attachments {
    pub fn begin(&self) -> io::Result<Partial> {
        let name = OsString::from(format!("{}{}", *PROCESS, hex(&random_bytes::<8>())));
        let file = self.0.new_file(&name, MODE)?;
        Ok(Partial { dir: self.0.try_clone()?, name, file, is_kept: false })
    }

    /// Errors: `NotFound`, also for a digest that is none.
    pub fn open(&self, digest: &str) -> io::Result<File> {
        if !is_digest(digest.as_bytes()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.0.file(OsStr::new(digest)).map(|(file, _)| file)
    }

    /// Returns whether it was there.
    pub fn remove(&self, digest: &str) -> io::Result<bool> {
        if !is_digest(digest.as_bytes()) {
            return Ok(false);
        }
        match self.0.unlink(OsStr::new(digest)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Removes what a process that is gone had begun. Returns how many there were.
    pub fn remove_partial(&self) -> io::Result<usize> {
        let mut removed = 0;
        self.each(|name| {
            let name_bytes = name.as_bytes();
            if name_bytes.starts_with(PARTIAL.as_bytes()) && !name_bytes.starts_with(PROCESS.as_bytes()) {
                self.0.unlink(name)?;
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// The digests of all that is here.
    pub fn digests(&self) -> io::Result<Vec<String>> {
        let mut digests = Vec::new();
        self.each(|name| {
            if is_digest(name.as_bytes()) {
                digests.extend(name.to_str().map(str::to_owned));
            }
            Ok(())
        })?;
        Ok(digests)
    }

    fn each(&self, mut take: impl FnMut(&OsStr) -> io::Result<()>) -> io::Result<()> {
        let mut list = self.0.list()?;
        while let Some(name) = next_name(&mut list)? {
            take(&name)?;
        }
        Ok(())
    }
}

impl Partial {
    /// Gives it its name, over one of the same content. The caller has synced the file; this syncs the name.
    pub fn keep(mut self, digest: &str) -> io::Result<()> {
        self.dir.move_to(&self.name, &self.dir, OsStr::new(digest))?;
        self.is_kept = true;
        self.dir.sync()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = self.dir.unlink(&self.name);
        }
    }
}

fn is_digest(name: &[u8]) -> bool {
    name.len() == 64 && name.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use super::*;

    fn attachments(path: &Path) -> Attachments {
        Attachments(Dir::open(path).unwrap())
    }

    #[test]
    fn a_file_has_its_name_when_it_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let (all, digest) = (attachments(home.path()), "a1".repeat(32));
        let mut partial = all.begin().unwrap();
        partial.file.write_all(b"hello").unwrap();
        assert!(all.digests().unwrap().is_empty() && all.open(&digest).is_err());
        partial.keep(&digest).unwrap();
        drop(all.begin().unwrap());
        assert_eq!(all.digests().unwrap(), [digest.as_str()]);
        let mut text = String::new();
        all.open(&digest).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert_eq!(home.path().read_dir().unwrap().count(), 1, "what was dropped is gone");
        assert!(all.remove(&digest).unwrap() && !all.remove(&digest).unwrap());
    }

    #[test]
    fn only_digests_are_opened_or_removed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("other"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("b".repeat(64))).unwrap();
        let all = attachments(home.path());
        for name in ["other", "..", "../x", "", &"B".repeat(64), &"b".repeat(64)] {
            assert!(all.open(name).is_err(), "{name}");
        }
        assert!(!all.remove("other").unwrap());
    }

    #[test]
    fn what_a_dead_process_began_is_removed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".upload-0123-4567"), "x").unwrap();
        let all = attachments(home.path());
        let own = all.begin().unwrap();
        assert_eq!(all.remove_partial().unwrap(), 1);
        own.keep(&"c".repeat(64)).unwrap();
    }
}
