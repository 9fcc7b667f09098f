//! Owners and modes after a restore: root restores, and another user serves.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

/// Gives everything below `tree`, and itself, to the owner of `directory`, where we may.
pub fn give(tree: &Path, directory: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(directory)?;
    each(tree, &mut |path| lchown(path, Some(owner.uid()), Some(owner.gid())))
}

/// What stands around the data: made by this command, or open to others. What cannot be mended is said.
pub fn mend(directory: &Path) {
    let mend_one = |name: &str| -> io::Result<()> {
        let path = directory.join(name);
        if !path.exists() {
            return Ok(());
        }
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        if path.metadata()?.permissions().mode() & 0o777 & !mode != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        give_one(&path, directory)
    };
    let mut names =
        vec!["data".to_owned(), "replaced".to_owned(), "portagent.lock".to_owned(), "containers".to_owned()];
    names.extend(["jwt-secret", "restored-settings.env"].map(str::to_owned));
    names.extend(["agentx.db", "portagent.db"].map(|file| format!("data/{file}")));
    for set in fs::read_dir(directory.join("replaced")).into_iter().flatten().flatten() {
        let name = set.file_name();
        names.extend(["", "/data"].map(|part| format!("replaced/{}{part}", name.to_string_lossy())));
    }
    for name in names {
        if let Err(cause) = mend_one(&name) {
            log::warn!(target: "restore", "{} could not be given to its owner: {cause}", directory.join(name).display());
        }
    }
}

fn give_one(path: &Path, directory: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(directory)?;
    lchown(path, Some(owner.uid()), Some(owner.gid()))
}

/// Links are given, and not followed.
fn each(tree: &Path, what: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut waiting = vec![tree.to_owned()];
    while let Some(path) = waiting.pop() {
        what(&path)?;
        if path.symlink_metadata()?.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(())
}
