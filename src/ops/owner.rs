//! Root at work in a directory of another owner. That owner, or an agent of theirs, may have put a link where the command
//! writes, and root would follow it. So the command opens what only root can read, and then becomes the owner.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Gid, Uid};
use rustix::{io, thread};

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
    let become_them = || -> io::Result<()> {
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
