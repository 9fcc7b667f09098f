//! The files of a person's agents: counted, and put into an archive. Links are never followed.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::id::ContainerId;
use crate::ops::archive::{Meta, Writer};

/// Directories within directories that are looked into; a path of Linux cannot be much deeper.
const DEPTH: usize = 128;

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    pub files: u64,
    pub bytes: u64,
}

/// Counts the files of a container. What cannot be read counts as nothing.
pub fn count(directory: &Path, container: &ContainerId) -> Files {
    let mut found = Files::default();
    let counted = walk(&root(directory, container), Path::new(""), 0, &mut |_, _, metadata| {
        if metadata.is_file() {
            found.files += 1;
            found.bytes += metadata.len();
        }
        Ok(())
    });
    drop(counted);
    found
}

/// Puts them below `files/`. Returns how many; what is neither file, directory nor link is left out.
pub(super) fn store<W: Write>(directory: &Path, container: &ContainerId, writer: &mut Writer<W>) -> io::Result<Files> {
    let mut stored = Files::default();
    walk(&root(directory, container), Path::new("files"), 0, &mut |path, name, metadata| {
        if metadata.is_dir() {
            writer.directory(name, meta(metadata))?;
        } else if metadata.is_symlink() {
            writer.link(name, &fs::read_link(path)?, meta(metadata))?;
        } else if metadata.is_file() {
            // A file that was exchanged for a pipe or a link since is not waited for.
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            let mut file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
            let now = file.metadata()?;
            if now.is_file() {
                writer.stream(name, now.len(), meta(&now), &mut file)?;
                stored.files += 1;
                stored.bytes += now.len();
            }
        }
        Ok(())
    })?;
    Ok(stored)
}

fn root(directory: &Path, container: &ContainerId) -> PathBuf {
    let name = container.as_str();
    // An id that is no plain name is no place of ours; this one is never there.
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    directory.join("containers").join(if is_plain { name } else { "\u{fffd}" })
}

type Visit<'a> = dyn FnMut(&Path, &Path, &Metadata) -> io::Result<()> + 'a;

/// What vanishes while we look is left out.
fn walk(path: &Path, name: &Path, depth: usize, visit: &mut Visit<'_>) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        match visit(&path, &name, &metadata) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        }
        if metadata.is_dir() && depth < DEPTH {
            walk(&path, &name, depth + 1, visit)?;
        }
    }
    Ok(())
}

fn meta(metadata: &Metadata) -> Meta {
    Meta {
        mode: metadata.mode(),
        owner: (metadata.uid().into(), metadata.gid().into()),
        modified: metadata.mtime().try_into().unwrap_or(0),
    }
}
