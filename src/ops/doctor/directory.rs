//! The data directory: its owner, and who else can read it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::domain::finding::Finding;
use crate::ops::stand_in::is_read_only;

const NAME: &str = "data directory";
/// Where every entry must belong to the owner of the data directory.
const DIRECTORIES: [&str; 4] = ["", "data", "logs", "backups"];
/// Entries of one of them that are checked.
const ENTRIES: usize = 10_000;

/// `keeps_modes`: else the file system is named for what others can read.
pub(super) fn findings(directory: &Path, keeps_modes: bool) -> Vec<Finding> {
    let shown = directory.display();
    let top = match fs::metadata(directory) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            return vec![
                Finding::fail(NAME, format!("{shown} is not a directory")).hint("name another with --data-dir"),
            ];
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![
                Finding::warn(NAME, format!("{shown} does not exist yet: the first start makes it"))
                    .hint("if there should be data already, name its directory with --data-dir or --env-file"),
            ];
        }
        Err(error) => {
            return vec![
                Finding::fail(NAME, format!("cannot read {shown}: {error}"))
                    .hint("run this as the user that runs portagent, or as root"),
            ];
        }
    };
    if keeps_modes && top.permissions().mode() & 0o077 != 0 {
        let mode = top.permissions().mode() & 0o777;
        return vec![
            Finding::fail(NAME, format!("other users of this machine can read {shown} (mode {mode:03o})"))
                .hint(format!("chmod 700 {shown}; the next start does it, too")),
        ];
    }
    if is_read_only(directory) {
        return vec![
            Finding::fail(NAME, format!("{shown} is on a read-only file system: a server cannot run there"))
                .hint("look at the system's log for why it was mounted read-only; `portagent backup --out DIR` works"),
        ];
    }
    vec![
        strangers(directory, top.uid())
            .unwrap_or_else(|| Finding::pass(NAME, format!("{shown} is private to its owner"))),
    ]
}

/// What is inside and has another owner: the server may not be able to read it.
fn strangers(directory: &Path, owner: u32) -> Option<Finding> {
    let entries = |name: &&str| fs::read_dir(directory.join(name)).into_iter().flatten().flatten().take(ENTRIES);
    let mut paths = DIRECTORIES.iter().flat_map(entries).map(|entry| entry.path());
    let stranger = paths.find(|path| fs::symlink_metadata(path).is_ok_and(|file| file.uid() != owner))?;
    let shown = directory.display();
    let detail = format!("{} does not belong to the owner of {shown}", stranger.display());
    Some(Finding::fail(NAME, detail).hint(format!("chown -R --reference={shown} {shown}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    #[test]
    fn directories_of_all_kinds() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let check = |path: &Path, verdict, words: &str| {
            let found = findings(path, true).remove(0);
            assert_eq!(found.level, verdict, "{found:?}");
            assert!(found.message.contains(words), "{found:?}");
        };
        check(home.path(), Level::Pass, "private");
        check(&home.path().join("none"), Level::Warn, "does not exist yet");
        fs::write(home.path().join("file"), "").unwrap();
        check(&home.path().join("file"), Level::Fail, "not a directory");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        check(home.path(), Level::Fail, "(mode 755)");
    }
}
