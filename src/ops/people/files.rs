//! The files of a person's agents, put into an archive.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::domain::id::ContainerId;
use crate::domain::{Error, Result};
use crate::ops::archive::Writer;
use crate::workdirs::{Closed, Found, Usage, Workdirs};

/// Puts them below `files/`. Returns how many. Sockets, pipes and devices are left out, and so are files that vanish
/// meanwhile or stand deeper than a backup goes.
///
/// Errors: `Unavailable` when something cannot be read; what `cannot` makes of a failure to write.
pub(super) fn store<W: Write>(
    directory: &Path,
    container: &ContainerId,
    writer: &mut Writer<W>,
    cannot: &dyn Fn(io::Error) -> Error,
) -> Result<Usage> {
    let mut stored = Usage::default();
    let mut walk = Workdirs::of(directory).walk_container(container, Path::new("files"))?;
    while let Some(entry) = walk.step().map_err(cannot)? {
        let path = &entry.path;
        match &entry.found {
            Found::File(_) => match entry.open() {
                Ok((mut file, metadata)) => {
                    writer.stream(path, metadata.len(), (&metadata).into(), &mut file).map_err(cannot)?;
                    stored.files += 1;
                    stored.bytes += metadata.len();
                }
                Err(cause) => unless_gone(&cause)?,
            },
            Found::Link(metadata, target) => writer.link(path, target, metadata.into()).map_err(cannot)?,
            Found::Directory(_, Some(Closed::Unreadable(cause))) | Found::Lost(cause) => unless_gone(cause)?,
            Found::Directory(metadata, _) => writer.directory(path, metadata.into()).map_err(cannot)?,
            Found::Special => {}
        }
    }
    Ok(stored)
}

fn unless_gone(cause: &io::Error) -> Result<()> {
    match cause.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidData => Ok(()),
        _ => Err(Error::unavailable("cannot_read", format!("a file of this account's agents cannot be read: {cause}"))),
    }
}
