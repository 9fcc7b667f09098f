//! Puts another set of data in the place of the one that is there, by renames, so that a `kill -9` leaves the old data
//! or leads to the new, and never to a mix.
//!
//! The new set stands ready in a directory of the data directory. Then `restore.journal` is written and synced: from
//! that moment on the swap is decided, and the next process that opens the directory carries it out. Each step can be
//! repeated: a file of the new set that is not in its directory any more is in its place already. What was in the place
//! moves to `replaced/<UTC date and time>/` and stays there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::snapshot;
use crate::domain::{Error, Result};
use crate::store::files::lock::DirectoryLock;
use crate::store::sqlite::failure;
use crate::workdirs::is_plain;

/// Where a restore makes its files ready.
pub const INCOMING: &str = "restore-new";
/// Below it, a directory for each set that was replaced.
const REPLACED: &str = "replaced";
const JOURNAL: &str = "restore.journal";
const FIRST_LINE: &str = "portagent restore journal 1";

/// What belongs to a set. What the new set does not have leaves its place all the same.
const OF_EVERY_SET: &[&str] = &[
    "data/agentx.db-wal",
    "data/agentx.db-shm",
    "data/agentx.db-identity",
    "data/agentx.db",
    "data/portagent.db-wal",
    "data/portagent.db-shm",
    "data/portagent.db-identity",
    "data/portagent.db",
    "containers",
];
/// Leaves its place only for another.
const IF_REPLACED: &[&str] = &["jwt-secret", "restored-settings.env", "restored-mcp.json"];

/// A swap that is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Swap {
    /// Where the new set is, and where the old one goes, below the data directory.
    from: String,
    to: String,
    /// What the new set has.
    takes: Vec<String>,
}

/// Puts the set in `restore-new` into its place. Returns where the old one is, `None` where there was none.
///
/// Errors: `Unavailable`; before the journal is written nothing was changed, afterwards the next start goes on.
pub fn put_in_place(directory: &Path, _lock: &DirectoryLock) -> Result<Option<PathBuf>> {
    swap(directory, INCOMING)
}

/// Swaps the newest replaced set with the one that is there now. Returns where that one is.
///
/// Errors: `NotFound` where nothing was replaced; those of [`put_in_place`].
pub fn put_back(directory: &Path, _lock: &DirectoryLock) -> Result<Option<PathBuf>> {
    finish(directory)?;
    let newest = newest_replaced(directory).ok_or_else(|| {
        Error::not_found("A replaced set").hint("nothing was restored here, so there is nothing to undo")
    })?;
    swap(directory, &format!("{REPLACED}/{newest}"))
}

/// What every opening of the directory does first, for a command that does not open it.
///
/// Errors: `Unavailable`.
pub fn end_interrupted(directory: &Path, _lock: &DirectoryLock) -> Result<()> {
    finish(directory)
}

/// Carries out a swap that was interrupted, and sweeps a restore that had not been decided. To be called under the
/// lock, before anything is opened.
pub fn finish(directory: &Path) -> Result<()> {
    let journal = directory.join(JOURNAL);
    match read(&journal).map_err(|cause| failure::of_file(&journal, cause))? {
        Some(swap) => {
            log::warn!(target: "store", "a restore was interrupted; it is carried out to its end");
            carry_out(directory, &swap, &mut || Ok(())).map_err(|cause| interrupted(directory, cause))
        }
        None => remove_tree(&directory.join(INCOMING)).map_err(|cause| failure::of_file(directory, cause)),
    }
}

fn swap(directory: &Path, from: &str) -> Result<Option<PathBuf>> {
    let to = snapshot::unused(&directory.join(REPLACED).join(snapshot::stamp()));
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let takes = OF_EVERY_SET.iter().chain(IF_REPLACED).filter(|item| !item.ends_with("-shm"));
    let takes = takes.filter(|item| is_there(&directory.join(from).join(item))).map(ToString::to_string).collect();
    let swap = Swap { from: from.to_owned(), to: format!("{REPLACED}/{name}"), takes };
    // The new set is on the disk before the swap is decided.
    let synced = File::open(directory).and_then(|directory| Ok(rustix::fs::syncfs(directory)?));
    synced.and_then(|()| write(directory, &swap)).map_err(|cause| failure::of_file(directory, cause))?;
    carry_out(directory, &swap, &mut || Ok(())).map_err(|cause| interrupted(directory, cause))?;
    Ok(to.exists().then_some(to))
}

/// `step` is called before each change; a test lets it fail.
fn carry_out(directory: &Path, swap: &Swap, step: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
    let (from, to) = (directory.join(&swap.from), directory.join(&swap.to));
    make_private(&directory.join("data"))?;
    for item in OF_EVERY_SET.iter().chain(IF_REPLACED) {
        let (new, place, old) = (from.join(item), directory.join(item), to.join(item));
        let is_taken = swap.takes.iter().any(|taken| taken == item);
        let is_done = if is_taken { !is_there(&new) } else { IF_REPLACED.contains(item) };
        if is_done {
            continue;
        }
        if is_there(&place) {
            make_private(old.parent().unwrap_or(&to))?;
            step()?;
            fs::rename(&place, &old)?;
        }
        if is_taken {
            step()?;
            fs::rename(&new, &place)?;
        }
    }
    // What was moved is on the disk before the journal says that nothing is left to do.
    rustix::fs::syncfs(File::open(directory)?)?;
    step()?;
    fs::remove_file(directory.join(JOURNAL))?;
    File::open(directory)?.sync_all()?;
    step()?;
    remove_tree(&from)
}

fn write(directory: &Path, swap: &Swap) -> io::Result<()> {
    let takes: String = swap.takes.iter().map(|item| format!("takes {item}\n")).collect();
    let text = format!("{FIRST_LINE}\nfrom {}\nto {}\n{takes}", swap.from, swap.to);
    let partial = directory.join(format!("{JOURNAL}.partial"));
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, directory.join(JOURNAL))?;
    File::open(directory)?.sync_all()
}

fn read(journal: &Path) -> io::Result<Option<Swap>> {
    let text = match fs::read_to_string(journal) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    parse(&text)
        .map(Some)
        .ok_or_else(|| io::Error::other("it cannot be understood; a newer portagent may have written it"))
}

fn parse(text: &str) -> Option<Swap> {
    let mut lines = text.lines();
    let is_ours = lines.next() == Some(FIRST_LINE);
    let from = lines.next()?.strip_prefix("from ")?;
    let to = lines.next()?.strip_prefix("to ")?;
    let known = |item: &&str| OF_EVERY_SET.iter().chain(IF_REPLACED).any(|known| known == item);
    let takes: Option<Vec<String>> =
        lines.map(|line| line.strip_prefix("takes ").filter(known).map(str::to_owned)).collect();
    let is_replaced = |path: &str| path.strip_prefix("replaced/").is_some_and(|name| is_plain(name.as_bytes()));
    let is_good = (from == INCOMING || is_replaced(from)) && is_replaced(to) && from != to;
    (is_ours && is_good).then_some(Swap { from: from.to_owned(), to: to.to_owned(), takes: takes? })
}

fn newest_replaced(directory: &Path) -> Option<String> {
    let sets = fs::read_dir(directory.join(REPLACED)).ok()?.flatten();
    // One that was put back whole may have left its empty directories.
    let sets = sets
        .filter(|set| ["agentx.db", "portagent.db"].iter().any(|file| is_there(&set.path().join("data").join(file))));
    sets.filter_map(|set| set.file_name().into_string().ok()).max_by_key(|name| in_order(name))
}

/// `20261124-203300-10` comes after `20261124-203300-2`, and that after `20261124-203300`.
fn in_order(name: &str) -> Vec<u64> {
    name.split('-').map(|number| number.parse().unwrap_or(0)).collect()
}

/// Also a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { DirBuilder::new().recursive(true).mode(0o700).create(path) }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

fn interrupted(directory: &Path, cause: io::Error) -> Error {
    failure::of_file(directory, cause)
        .hint("the restore is decided and half done: mend the cause, and the next start or command ends it")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn put(directory: &Path, path: &str, text: &str) {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn files(directory: &Path) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![directory.to_owned()];
        while let Some(next) = waiting.pop() {
            for entry in fs::read_dir(next).unwrap().flatten() {
                if entry.path().is_dir() {
                    waiting.push(entry.path());
                    continue;
                }
                let name = entry.path().strip_prefix(directory).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
        found
    }

    fn ready() -> (tempfile::TempDir, Swap) {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path();
        for (file, text) in [("agentx.db", "old a"), ("agentx.db-wal", "old w"), ("portagent.db", "old p")] {
            put(directory, &format!("data/{file}"), text);
            put(directory, &format!("{INCOMING}/data/{file}"), &text.replace("old", "new"));
        }
        fs::remove_file(directory.join(INCOMING).join("data/agentx.db-wal")).unwrap();
        put(directory, "containers/c/x", "old x");
        put(directory, "jwt-secret", "old j");
        put(directory, &format!("{INCOMING}/jwt-secret"), "new j");
        put(directory, &format!("{INCOMING}/restored-settings.env"), "new s");
        let takes = ["data/agentx.db", "data/portagent.db", "jwt-secret", "restored-settings.env"];
        let takes = takes.map(str::to_owned).to_vec();
        let swap = Swap { from: INCOMING.to_owned(), to: "replaced/1".to_owned(), takes };
        (home, swap)
    }

    #[test]
    fn cut_off_at_every_step_it_comes_to_the_same_end() {
        let (home, swap) = ready();
        write(home.path(), &swap).unwrap();
        let mut steps = 0;
        let mut count = || {
            steps += 1;
            Ok(())
        };
        carry_out(home.path(), &swap, &mut count).unwrap();
        let expected = files(home.path());
        let text = |path: &str| expected.get(path).map(String::as_str);
        assert_eq!(text("data/agentx.db"), Some("new a"));
        assert_eq!((text("data/agentx.db-wal"), text("replaced/1/data/agentx.db-wal")), (None, Some("old w")));
        assert_eq!((text("jwt-secret"), text("replaced/1/jwt-secret")), (Some("new j"), Some("old j")));
        assert_eq!((text("containers/c/x"), text("replaced/1/containers/c/x")), (None, Some("old x")));
        assert_eq!(expected.len(), 9, "{expected:?}");
        assert!(steps > 8, "{steps}");
        for cut in 0..steps {
            let (home, swap) = ready();
            write(home.path(), &swap).unwrap();
            let mut left = cut;
            let mut stop = || {
                if left == 0 {
                    return Err(io::Error::other("killed"));
                }
                left -= 1;
                Ok(())
            };
            carry_out(home.path(), &swap, &mut stop).unwrap_err();
            finish(home.path()).unwrap();
            assert_eq!(files(home.path()), expected, "cut off before step {cut}");
        }
    }

    #[test]
    fn what_was_not_decided_is_swept_and_what_was_can_be_undone_and_that_undone_again() {
        let (home, _) = ready();
        let before = files(home.path());
        finish(home.path()).unwrap();
        let lock = DirectoryLock::take(home.path()).unwrap();
        let own = |mut files: BTreeMap<String, String>| {
            files.retain(|name, _| {
                !name.starts_with(INCOMING) && !name.starts_with(REPLACED) && name != "portagent.lock"
            });
            files
        };
        let before = own(before);
        assert_eq!(own(files(home.path())), before);
        assert!(!home.path().join(INCOMING).exists());
        assert_eq!(put_back(home.path(), &lock).unwrap_err().kind, crate::domain::Kind::NotFound);

        put(home.path(), &format!("{INCOMING}/data/agentx.db"), "new a");
        put(home.path(), &format!("{INCOMING}/data/portagent.db"), "new p");
        put_in_place(home.path(), &lock).unwrap().unwrap();
        let after = own(files(home.path()));
        assert_eq!(after["data/agentx.db"], "new a");
        for _ in 0..3 {
            put_back(home.path(), &lock).unwrap();
            assert_eq!(own(files(home.path())), before);
            put_back(home.path(), &lock).unwrap();
            assert_eq!(own(files(home.path())), after);
        }
        assert_eq!(fs::read_dir(home.path().join(REPLACED)).unwrap().count(), 1, "sets do not pile up");
    }

    #[test]
    fn a_journal_leads_nowhere_else() {
        let check = |text: &str, is_good: bool| assert_eq!(parse(text).is_some(), is_good, "{text}");
        let good = format!("{FIRST_LINE}\nfrom {INCOMING}\nto replaced/1\ntakes data/agentx.db\n");
        check(&good, true);
        check(&good.replace("data/agentx.db", "../x"), false);
        check(&good.replace("replaced/1", "replaced/../x"), false);
        for elsewhere in ["replaced/..", "replaced/.", "replaced/", "replaced", "..", "/", ""] {
            check(&good.replace("replaced/1", elsewhere), false);
            check(&good.replace(INCOMING, elsewhere), false);
        }
        check(&good.replace(INCOMING, "replaced/2"), true);
        // These two would remove the old data or overwrite the new.
        check(&good.replace("replaced/1", INCOMING), false);
        check(&good.replace(INCOMING, "replaced/1"), false);
        check(&good.replace(FIRST_LINE, "x"), false);
        check("", false);
    }
}
