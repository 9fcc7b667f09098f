//! A log file that never outgrows its promise: 10 MiB a file, 7 files, and nothing lost or torn on the way.
//!
//! A line is one `write(2)` to a file opened with `O_APPEND`, under a lock of the caller's, so it is there when the
//! call returns, `kill -9` or not. Before a line that would make the file too large, the files move up by one:
//! `.5` becomes `.6` (and the oldest is gone), …, the file itself becomes `.1`, and a new one is opened. Renaming
//! moves no bytes, so at every moment each line that was written is in exactly one file. A crash between two renames
//! leaves a gap in the numbers, and the next rotation moves up only to the gap.
//!
//! The directory belongs to the operator, who may delete, move or truncate files under us. So the size is asked of
//! the kernel before each line, as is whether the file still has a name; in a rush, before the first few of each
//! millisecond. Whether the name still means this file is looked up ten times a second. A line that could not be
//! written whole is taken back.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// How often we check whether the file's name still means our file, in milliseconds.
const CHECK_EVERY_MS: i64 = 100;

/// How often the kernel is asked for the size within one millisecond. It costs as much as writing the line.
const ASKS_PER_MS: u32 = 16;

/// How large, and how many.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The file that is written now.
    pub path: PathBuf,
    /// The most that one file may hold, in bytes.
    pub file_bytes: u64,
    /// Files in all, the one that is written now included. At least 2.
    pub files: u32,
}

impl Rotation {
    /// 7 files of 10 MiB.
    pub fn standard(path: PathBuf) -> Self {
        Self { path, file_bytes: 10 * 1024 * 1024, files: 7 }
    }

    /// Of what has to do with security: 4 files of 1 MiB, so that a flood of requests does not roll it over.
    pub fn security(path: PathBuf) -> Self {
        Self { path, file_bytes: 1024 * 1024, files: 4 }
    }

    fn archive(&self, number: u32) -> PathBuf {
        archive(&self.path, number)
    }

    fn oldest(&self) -> u32 {
        self.files.max(2) - 1
    }
}

/// The file, or our wish to have one: what fails is tried again with the next line.
#[derive(Debug)]
pub struct RotatingFile {
    rotation: Rotation,
    open: Option<Open>,
    /// When the name was last looked up, in milliseconds since 1970.
    looked_ms: i64,
}

#[derive(Debug)]
struct Open {
    file: File,
    device: u64,
    inode: u64,
    /// A device such as `/dev/null` behind the name has no size and is not renamed.
    regular: bool,
    /// In bytes; always 0 for what is not regular.
    size: u64,
    /// In which millisecond since 1970 the kernel was last asked for the size, and how often.
    asked_ms: i64,
    asks: u32,
}

impl RotatingFile {
    pub fn new(rotation: Rotation) -> Self {
        Self { rotation, open: None, looked_ms: 0 }
    }

    /// Appends one line, newline included, whole or not at all. A line is never longer than a file.
    pub fn write_line(&mut self, line: &[u8], now_ms: i64) -> io::Result<()> {
        self.look(now_ms);
        let size = self.ready(now_ms)?.size;
        if size > 0 && size + line.len() as u64 > self.rotation.file_bytes {
            self.rotate()?;
        }
        self.ready(now_ms)?.append(line)
    }

    /// Forgets a file whose name now means something else.
    fn look(&mut self, now_ms: i64) {
        if (0..CHECK_EVERY_MS).contains(&(now_ms - self.looked_ms)) {
            return;
        }
        self.looked_ms = now_ms;
        if !self.name_is_ours() {
            self.open = None;
        }
    }

    fn name_is_ours(&self) -> bool {
        let Some(open) = &self.open else { return false };
        fs::metadata(&self.rotation.path).is_ok_and(|named| named.dev() == open.device && named.ino() == open.inode)
    }

    /// A file that is open, has a name, and knows its size.
    fn ready(&mut self, now_ms: i64) -> io::Result<&mut Open> {
        if self.open.as_mut().is_some_and(|open| !open.still_named(now_ms)) {
            self.open = None;
        }
        if self.open.is_none() {
            self.open = Some(open_for_append(&self.rotation.path)?);
            self.prune();
        }
        self.open.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.name_is_ours() {
            let oldest = self.rotation.oldest();
            let gap = (1..oldest).find(|&number| fs::symlink_metadata(self.rotation.archive(number)).is_err());
            for number in (1..gap.unwrap_or(oldest)).rev() {
                fs::rename(self.rotation.archive(number), self.rotation.archive(number + 1))?;
            }
            fs::rename(&self.rotation.path, self.rotation.archive(1))?;
        }
        self.open = None;
        Ok(())
    }

    /// Keeps the promise about the sum also where other settings or another program left more or larger files.
    fn prune(&self) {
        let mut sum = 0;
        let most = self.rotation.file_bytes * u64::from(self.rotation.oldest());
        for (number, path) in numbered(&self.rotation.path) {
            sum += fs::symlink_metadata(&path).map_or(0, |file| file.len());
            if number > self.rotation.oldest() || sum > most {
                let _ = fs::remove_file(&path); // tried again at the next rotation
            } else {
                let _ = fs::set_permissions(&path, Permissions::from_mode(0o600));
            }
        }
    }
}

/// The rotated files beside `path` with their numbers, newest first.
pub(super) fn numbered(path: &Path) -> Vec<(u32, PathBuf)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<u32> = names
        .filter_map(|name| {
            let digits = name.to_str()?.strip_prefix(&prefix)?;
            digits.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == digits)
        })
        .collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| (number, archive(path, number))).collect()
}

fn archive(path: &Path, number: u32) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(format!(".{number}"));
    name.into()
}

impl Open {
    /// Asks the kernel for the size, and whether the file was deleted.
    fn still_named(&mut self, now_ms: i64) -> bool {
        if self.asked_ms != now_ms {
            (self.asked_ms, self.asks) = (now_ms, 0);
        }
        if self.asks == ASKS_PER_MS {
            return true;
        }
        self.asks += 1;
        let Ok(found) = self.file.metadata() else { return false };
        self.size = if self.regular { found.size() } else { 0 };
        found.nlink() > 0
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(line);
        if self.regular {
            match written {
                Ok(()) => self.size += line.len() as u64,
                Err(_) => drop(self.file.set_len(self.size)), // half a line, on a disk that is full
            }
        }
        written
    }
}

/// So that neither opening nor writing what is no regular file can wait: for the reader of a pipe, for instance.
pub(super) const NONBLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOCTTY).bits().cast_signed();

/// Errors: what is neither a regular file nor a character device such as `/dev/null`.
pub(super) fn refuse_pipes(found: &fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    if kind.is_file() || kind.is_char_device() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
}

/// Opens the file, with its directory if need be, for us alone.
fn open_for_append(path: &Path) -> io::Result<Open> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(NONBLOCKING);
    let open = || options.open(path);
    let file = open().or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(directory)) => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            open()
        }
        _ => Err(error),
    })?;
    let found = file.metadata()?;
    refuse_pipes(&found)?;
    let (regular, size) = if found.is_file() { (true, found.size()) } else { (false, 0) };
    let mut open = Open { file, device: found.dev(), inode: found.ino(), regular, size, asked_ms: i64::MIN, asks: 0 };
    if regular && found.mode() & 0o077 != 0 {
        let _ = open.file.set_permissions(Permissions::from_mode(0o600));
    }
    let mut last = [b'\n'];
    if size > 0 && open.file.read_at(&mut last, size - 1).is_ok() && last != [b'\n'] {
        open.append(b"\n")?; // a power cut left half a line: the next one is not to hang on it
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(path: &Path) -> Rotation {
        Rotation { path: path.to_owned(), file_bytes: 100, files: 3 }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn moves_up_to_a_gap_and_drops_the_oldest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/a.log");
        let mut file = RotatingFile::new(small(&path));
        let line = |n: u32| format!("{n:039}\n").into_bytes();
        for n in 0..8 {
            file.write_line(&line(n), 0).unwrap();
        }
        let logs = path.parent().unwrap();
        assert_eq!(names(logs), ["a.log", "a.log.1", "a.log.2"]);
        assert_eq!(fs::read(logs.join("a.log.2")).unwrap(), [line(2), line(3)].concat());
        fs::remove_file(logs.join("a.log.1")).unwrap();
        file.write_line(&line(8), 0).unwrap();
        assert_eq!(fs::read(logs.join("a.log.2")).unwrap(), [line(2), line(3)].concat());
        assert_eq!(fs::read(logs.join("a.log.1")).unwrap(), [line(6), line(7)].concat());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(logs).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn takes_over_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "half a li").unwrap();
        fs::write(directory.path().join("a.log.1"), vec![b'x'; 150]).unwrap();
        fs::write(directory.path().join("a.log.2"), vec![b'x'; 100]).unwrap();
        fs::write(directory.path().join("a.log.7"), "x").unwrap();
        fs::write(directory.path().join("a.log.old"), "x").unwrap();
        RotatingFile::new(small(&path)).write_line(b"a line\n", 0).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "half a li\na line\n");
        assert_eq!(names(directory.path()), ["a.log", "a.log.1", "a.log.old"]);
        assert_eq!(fs::metadata(directory.path().join("a.log.1")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_the_operator_does_to_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut file = RotatingFile::new(small(&path));
        file.write_line(b"one\n", 0).unwrap();
        fs::remove_file(&path).unwrap();
        file.write_line(b"two\n", 1).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\n", "deleted: the very next line is in a new file");
        fs::rename(&path, directory.path().join("moved")).unwrap();
        file.write_line(b"three\n", 1 + CHECK_EVERY_MS).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three\n");
        assert_eq!(fs::read(directory.path().join("moved")).unwrap(), b"two\n");
        fs::write(&path, "").unwrap();
        file.write_line(b"four\n", 1000).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"four\n", "truncated: no hole before the line");
        fs::remove_dir_all(directory.path()).unwrap();
        file.write_line(b"five\n", 2000).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"five\n");
    }

    #[test]
    fn a_pipe_is_refused_and_never_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        let mut file = RotatingFile::new(small(&path));
        for at in 0..2000 {
            let error = file.write_line(&[b'x'; 99], at).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file");
        }
        fs::remove_file(&path).unwrap();
        file.write_line(b"a line\n", 2000).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a line\n");
    }

    #[test]
    fn a_full_disk_tears_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut file = RotatingFile::new(small(&path));
        assert_eq!(file.write_line(b"one\n", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        fs::remove_file(&path).unwrap();
        file.write_line(b"two\n", CHECK_EVERY_MS).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
    }
}
