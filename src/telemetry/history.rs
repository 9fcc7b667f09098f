//! Reads the log back across its rotated files, in bounded memory, while a server may be writing and renaming them.
//!
//! Files are opened newest first: what rotates meanwhile is then met twice, which is noticed, and never missed. From
//! then on a file is its descriptor, whatever its name becomes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rotate::{NONBLOCKING, numbered};

/// What is read at once, in bytes. A line that is longer counts as several.
const BLOCK_BYTES: usize = 64 * 1024;

/// A server notices within a tenth of a second that its file was renamed; so long the old one is read on.
const LINGER: Duration = Duration::from_millis(400);

/// What is done with a line, without its newline.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// The log as it lies on the disk.
pub struct History {
    path: PathBuf,
    /// Oldest first; the last one may be written at the moment.
    files: Vec<Opened>,
}

struct Opened {
    file: File,
    device: u64,
    inode: u64,
}

/// Where reading begins: a file, and an offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    file: usize,
    offset: u64,
}

impl History {
    /// `path` is the file that is written now. No file at all is an empty history.
    ///
    /// Errors: a file that is there and cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut files: VecDeque<Opened> = VecDeque::new();
        let archives = numbered(path);
        for path in std::iter::once(path.to_owned()).chain(archives.into_iter().map(|(_, path)| path)) {
            let opened = match Opened::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            if files.iter().all(|other| !other.is(&opened)) {
                files.push_front(opened);
            }
        }
        Ok(Self { path: path.to_owned(), files: files.into() })
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub fn start(&self) -> LogPosition {
        LogPosition { file: 0, offset: 0 }
    }

    /// Where the last `count` lines that are wanted begin.
    pub fn last(&self, count: usize, wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<LogPosition> {
        let mut left = count;
        for (file, opened) in self.files.iter().enumerate().rev() {
            let mut end = opened.file.metadata()?.len();
            if left == 0 {
                return Ok(LogPosition { file, offset: end });
            }
            while end > 0 {
                end = opened.back_one_block(end, &mut left, wanted)?;
                if left == 0 {
                    return Ok(LogPosition { file, offset: end });
                }
            }
        }
        Ok(self.start())
    }

    /// Hands over every line from `place` to the end, and gives what can go on from there. The next call gets a line
    /// that is not whole yet when it is.
    pub fn read(mut self, place: LogPosition, goes_on: bool, sink: Sink<'_>) -> io::Result<Follower> {
        let last = self.files.len().saturating_sub(1);
        let mut reached = 0;
        for (number, opened) in self.files.iter().enumerate().skip(place.file) {
            let offset = if number == place.file { place.offset } else { 0 };
            reached = opened.forward(offset, !goes_on || number < last, sink)?;
        }
        let current = self.files.pop().map(|opened| Current { opened, offset: reached, renamed: None });
        Ok(Follower { path: self.path, current })
    }
}

impl Opened {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).custom_flags(NONBLOCKING).open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other(format!("{} is not a file", path.display())));
        }
        Ok(Self { file, device: found.dev(), inode: found.ino() })
    }

    fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Looks at the lines of the block that ends at `end`, from the last to the first, until `left` is 0. Gives the
    /// beginning of the last line that it looked at.
    fn back_one_block(&self, end: u64, left: &mut usize, wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<u64> {
        let from = end.saturating_sub(BLOCK_BYTES as u64);
        let mut block = vec![0; (end - from) as usize]; // at most a block
        let filled = self.fill(&mut block, from)?;
        block.truncate(filled);
        let first = match block.iter().position(|byte| *byte == b'\n') {
            Some(newline) if from > 0 && newline + 1 < block.len() => newline + 1,
            _ => 0,
        };
        let mut line_end = block.len();
        while line_end > first {
            let text = &block[first..line_end];
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let begin = first + text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            if wanted(&block[begin..first + text.len()]) {
                *left -= 1;
            }
            line_end = begin;
            if *left == 0 {
                break;
            }
        }
        Ok(from + line_end as u64)
    }

    /// Hands over the lines from `offset` on, and gives the end of the last one. `whole`: also what has no newline.
    fn forward(&self, mut offset: u64, whole: bool, sink: Sink<'_>) -> io::Result<u64> {
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let filled = self.fill(&mut block, offset)?;
            let end = match block[..filled].iter().rposition(|byte| *byte == b'\n') {
                Some(newline) => newline + 1,
                None if filled == BLOCK_BYTES || whole => filled,
                None => return Ok(offset),
            };
            if end == 0 {
                return Ok(offset);
            }
            let text = &block[..end];
            for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
                sink(line)?;
            }
            offset += end as u64;
        }
    }

    fn fill(&self, block: &mut [u8], from: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < block.len() {
            match self.file.read_at(&mut block[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Goes on where reading ended, through rotation, deletion and truncation.
pub struct Follower {
    path: PathBuf,
    current: Option<Current>,
}

struct Current {
    opened: Opened,
    offset: u64,
    /// Since when it no longer has the name.
    renamed: Option<Instant>,
}

impl Follower {
    /// Hands over what has come since the last call.
    pub fn poll(&mut self, sink: Sink<'_>) -> io::Result<()> {
        loop {
            let Some(current) = &mut self.current else {
                match Opened::open(&self.path) {
                    Ok(opened) => self.current = Some(Current { opened, offset: 0, renamed: None }),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                    Err(error) => return Err(error),
                }
                continue;
            };
            // Asked before reading: what is written after a rename is in the next file.
            let named = std::fs::metadata(&self.path)
                .is_ok_and(|found| (found.dev(), found.ino()) == (current.opened.device, current.opened.inode));
            if current.opened.file.metadata()?.len() < current.offset {
                current.offset = 0; // truncated, after a copy was made
            }
            current.offset = current.opened.forward(current.offset, false, sink)?;
            if named {
                current.renamed = None;
                return Ok(());
            }
            let renamed = *current.renamed.get_or_insert_with(Instant::now);
            let Some((next, newest)) = self.next()? else { return Ok(()) };
            if newest && renamed.elapsed() < LINGER {
                return Ok(());
            }
            if let Some(left) = self.current.replace(next) {
                left.opened.forward(left.offset, true, sink)?; // half a line, if the writer was killed
            }
        }
    }

    /// The file after the current one, wherever that has moved to. Deleted, or moved out of sight: the named one.
    /// With whether there is none after it.
    fn next(&self) -> io::Result<Option<(Current, bool)>> {
        let mut files = History::open(&self.path)?.files;
        let ours = |opened: &Opened| self.current.as_ref().is_some_and(|current| current.opened.is(opened));
        let at = match files.iter().position(ours) {
            Some(found) => found + 1,
            None => files.len().saturating_sub(1),
        };
        let newest = at + 1 == files.len();
        let next = (at < files.len()).then(|| files.swap_remove(at));
        Ok(next.map(|opened| (Current { opened, offset: 0, renamed: None }, newest)))
    }
}
