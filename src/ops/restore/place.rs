//! Whether a restore can be carried out by renames here, tried before anything is unpacked.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::domain::{Error, Result};

const TRIAL: &str = ".restore-trial";

/// An empty private directory, from which files can be moved to where the data is.
///
/// Errors: `Unavailable` when the directory cannot be written, or its parts are on different file systems.
pub fn make_ready(directory: &Path, incoming: &Path) -> Result<()> {
    let about = |cause: io::Error| cannot_write(directory, &cause);
    DirBuilder::new().recursive(true).mode(0o700).create(incoming).map_err(about)?;
    for part in ["data", "containers", "replaced"] {
        let part = directory.join(part);
        if part.symlink_metadata().is_ok() {
            try_to_move(incoming, &part)?;
        }
    }
    Ok(())
}

fn try_to_move(from: &Path, to: &Path) -> Result<()> {
    let (here, there) = (from.join(TRIAL), to.join(TRIAL));
    let moved = File::create(&here).and_then(|_| fs::rename(&here, &there));
    let _ = remove_file(&here);
    moved.and_then(|()| remove_file(&there)).map_err(|cause| match cause.kind() {
        ErrorKind::CrossesDevices => Error::unavailable(
            "other_file_system",
            format!(
                "{} is mounted apart from the rest of the data directory: files cannot be moved there",
                to.display()
            ),
        )
        .hint("mount the whole data directory as one, or restore by hand: stop, tar -xzf, cp, chown, start"),
        _ => cannot_write(to, &cause),
    })
}

pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

pub fn cannot_write(path: &Path, cause: &io::Error) -> Error {
    Error::unavailable("cannot_write", format!("cannot write to {}: {cause}", path.display()))
        .hint("run this as the user that runs portagent, or as root")
}
