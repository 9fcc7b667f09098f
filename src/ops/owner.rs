//! Root at work in a directory of another owner. That owner, or an agent of theirs, may have put a link where the command
//! writes, and root would follow it. So the command opens what only root can read, and then becomes the owner. What goes to a
//! place of root's own, such as a backup for another disk, is made with the owner's rights and named with root's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{Gid, OFlags, Uid};
use rustix::thread;

use crate::domain::{Error, Result};

/// For a command that has one thread: what it starts from here on is the owner's, too. Nothing for all others than root,
/// and for root in a directory of its own or in one that is not there yet.
///
/// Errors: `Unavailable` where root may not do that, or the owner cannot reach the directory.
pub fn become_owner(directory: &Path) -> Result<()> {
    let Ok(metadata) = fs::metadata(directory) else { return Ok(()) };
    if !rustix::process::geteuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    debug_assert!(fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1), "the other threads stay root");
    let become_them = || -> rustix::io::Result<()> {
        let (user, group) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
        thread::set_thread_groups(&[])?;
        thread::set_thread_res_gid(group, group, group)?;
        thread::set_thread_res_uid(user, user, user)
    };
    let cannot = |cause: std::io::Error| {
        let (owner, path) = (metadata.uid(), directory.display());
        Error::unavailable("cannot_become_owner", format!("cannot use {path} as its owner (user {owner}): {cause}"))
            .hint(format!("make every directory above it passable for its owner, or run this as that user: sudo -u '#{owner}' portagent …"))
    };
    become_them().map_err(|cause| cannot(cause.into()))?;
    fs::read_dir(directory).map(drop).map_err(cannot)
}

/// The same for a command that puts something elsewhere: where that place is the owner's, it becomes them for good. Else
/// it has their rights until the process ends, but for [`with_own_rights`].
///
/// Errors: those of [`become_owner`].
pub fn become_owner_but_for(directory: &Path, place: &Path) -> Result<()> {
    let Ok(metadata) = fs::metadata(directory) else { return Ok(()) };
    let is_inside = std::path::absolute(place).is_ok_and(|place| place.starts_with(directory));
    if is_inside || owner_of_nearest(place) == Some(metadata.uid()) {
        return become_owner(directory);
    }
    if !rustix::process::geteuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    let cannot = |cause: rustix::io::Errno| {
        Error::unavailable("cannot_become_owner", format!("cannot use {} as its owner: {cause}", directory.display()))
    };
    act_as(user, group).map_err(cannot)?;
    let _ = ACTING.set((user, group));
    Ok(())
}

/// Whose rights this process has for the moment, where it is root.
static ACTING: OnceLock<(Uid, Gid)> = OnceLock::new();

/// Whether the rights are those of the data's owner, with root's to go back to.
pub fn is_acting() -> bool {
    ACTING.get().is_some()
}

/// Does `work` with the rights of the person who typed the command, on this thread.
pub fn with_own_rights<T>(work: impl FnOnce() -> T) -> T {
    let Some((user, group)) = ACTING.get() else { return work() };
    // Where this fails, the work fails for want of rights.
    let _ = thread::set_thread_res_uid(None, Uid::ROOT, None);
    let _ = thread::set_thread_res_gid(None, Gid::ROOT, None);
    let outcome = work();
    if act_as(*user, *group).is_err() {
        // Going on as root in their directory is what must not happen.
        std::process::abort();
    }
    outcome
}

/// The real and the saved user stay root's, so that there is a way back.
fn act_as(user: Uid, group: Gid) -> rustix::io::Result<()> {
    thread::set_thread_groups(&[])?;
    thread::set_thread_res_gid(None, group, None)?;
    thread::set_thread_res_uid(None, user, None)
}

/// Of the place, or of the directory in which it would be made.
fn owner_of_nearest(place: &Path) -> Option<u32> {
    let place = std::path::absolute(place).ok()?;
    place.ancestors().find_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.uid())
}

/// Lets the owner of the data work in a directory that was made with [`with_own_rights`]. False where that needs nothing.
pub fn lend(directory: &File) -> io::Result<bool> {
    let Some((user, group)) = ACTING.get() else { return Ok(false) };
    fchown(directory, Some(user.as_raw()), Some(group.as_raw())).map(|()| true)
}

/// Gives an open file to the owner of a directory, where we are root.
pub fn give(file: &File, directory: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // Only what we made: a name may have been given to another file by the directory's owner.
    let made = file.metadata()?;
    if made.is_file() && made.nlink() != 1 {
        return Ok(());
    }
    let owner = open_directory(directory, OFlags::empty())?.metadata()?;
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Makes a private directory, and those above it that are missing, each for the owner of the one above.
pub fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        other => other?,
    }
    // What was made, and no link that was put in its place.
    give(&open_directory(path, OFlags::NOFOLLOW)?, parent)
}

fn open_directory(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (OFlags::DIRECTORY | flags).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}
