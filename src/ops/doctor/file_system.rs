//! The file system of the data directory: whether a database can be used on it, and whether it keeps what is private.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::domain::Result;
use crate::domain::finding::Finding;
use crate::ops::partial::Partial;
use crate::ops::stand_in::is_read_only;
use crate::store::care::try_out;

const NAME: &str = "file system";

/// What was tried out in a directory that is gone again.
pub(super) struct FileSystem {
    pub finding: Finding,
    /// A private file can be read by its owner only; true where that is not known.
    pub keeps_modes: bool,
}

pub(super) fn of(directory: &Path) -> FileSystem {
    let skipped = |why: &str| FileSystem { finding: Finding::skip(NAME, why.to_owned()), keeps_modes: true };
    if !directory.is_dir() {
        return skipped("there is no data directory yet");
    }
    if is_read_only(directory) {
        return skipped("it is read-only");
    }
    let Ok(place) = Partial::make(directory) else { return skipped("this user cannot write there") };
    let mode = place.path().metadata().map_or(0o700, |metadata| metadata.permissions().mode());
    judge(directory, mode, try_out(place.path()))
}

/// `mode`: that of a private directory; `tried`: what became of a database in it.
fn judge(directory: &Path, mode: u32, tried: Result<()>) -> FileSystem {
    let (shown, keeps_modes) = (directory.display(), mode & 0o077 == 0);
    let finding = match tried {
        Err(error) if error.code.as_str() == "no_shared_memory" => {
            let hint = error.hint.as_deref().unwrap_or_default().to_owned();
            Finding::fail(NAME, format!("{} (at {shown})", error.message)).hint(hint)
        }
        Err(error) => Finding::skip(NAME, format!("nothing can be tried out there: {}", error.message)),
        Ok(()) if !keeps_modes => Finding::warn(
            NAME,
            format!("the file system of {shown} keeps no permissions (exFAT and FAT do not): other users of this machine can read the data"),
        )
        .hint("put it on another file system, or mount this one for the service's user alone (umask=077)"),
        Ok(()) => Finding::pass(NAME, "it can hold databases, and keeps private what is private"),
    };
    FileSystem { finding, keeps_modes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Error;
    use crate::domain::finding::Level;

    #[test]
    fn file_systems_of_all_kinds() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(of(home.path()).finding.level, Level::Pass);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "it leaves nothing behind");
        assert_eq!(of(&home.path().join("none")).finding.level, Level::Skip);
        let exfat = judge(home.path(), 0o40755, Ok(()));
        assert!(!exfat.keeps_modes && exfat.finding.message.contains("keeps no permissions"), "{:?}", exfat.finding);
        let share = judge(home.path(), 0o40700, Err(Error::unavailable("no_shared_memory", "There is none")));
        assert_eq!(share.finding.level, Level::Fail);
    }
}
