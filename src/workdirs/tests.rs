//! Against real directories: links, pipes, odd names, and a second thread that exchanges things meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

struct Home {
    directory: tempfile::TempDir,
    /// Beside the data directory; nothing in it may ever change.
    outside: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap(), outside: tempfile::tempdir().unwrap() };
        fs::create_dir_all(home.outside.path().join("workdirs/img")).unwrap();
        fs::write(home.outside.path().join("workdirs/img/precious"), "words").unwrap();
        home
    }

    fn workdirs(&self) -> Workdirs {
        Workdirs::of(self.directory.path())
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(ROOT).join(below)
    }

    fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, below: &str) {
        fs::create_dir_all(self.path(below).parent().unwrap()).unwrap();
        symlink(self.outside.path(), self.path(below)).unwrap();
    }

    fn is_outside_untouched(&self) -> bool {
        fs::read_to_string(self.outside.path().join("workdirs/img/precious")).is_ok_and(|text| text == "words")
    }
}

fn container(id: &str) -> ContainerId {
    ContainerId::from(id.to_owned())
}

fn conversation(id: &str) -> ConversationId {
    ConversationId::from(id.to_owned())
}

/// What a walk finds, each path with a word for what is there.
fn found(mut walk: Walk) -> BTreeMap<String, &'static str> {
    let mut all = BTreeMap::new();
    while let Some(entry) = walk.step().unwrap() {
        let what = match &entry.found {
            Found::File(_) => "file",
            Found::Link(..) => "link",
            Found::Directory(_, None) => "directory",
            Found::Directory(_, Some(_)) => "closed",
            Found::Special => "special",
            Found::Lost(_) => "lost",
        };
        all.insert(entry.path.to_string_lossy().into_owned(), what);
    }
    all
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_walk_names_everything_and_follows_nothing() {
    let home = Home::new();
    assert!(found(home.workdirs().walk().unwrap()).is_empty(), "nothing is there yet");
    home.put("user-1/workdirs/img 深/-rf", "12345");
    home.put("user-1/.hidden\n", "");
    home.link("user-1/link");
    symlink("nowhere", home.path("user-1/dangling")).unwrap();
    pipe(&home.path("user-1/pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(home.path("user-1/socket")).unwrap();
    let expected = [
        ("containers/user-1", "directory"),
        ("containers/user-1/.hidden\n", "file"),
        ("containers/user-1/dangling", "link"),
        ("containers/user-1/link", "link"),
        ("containers/user-1/pipe", "special"),
        ("containers/user-1/socket", "special"),
        ("containers/user-1/workdirs", "directory"),
        ("containers/user-1/workdirs/img 深", "directory"),
        ("containers/user-1/workdirs/img 深/-rf", "file"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(path, what)| (path.to_owned(), what)).into();
    assert_eq!(found(home.workdirs().walk().unwrap()), expected);
    assert_eq!(home.workdirs().usage(&container("user-1")), Usage { files: 2, bytes: 5 });
    assert_eq!(home.workdirs().usage(&container("user-2")), Usage::default());
}

#[test]
fn names_are_bytes() {
    let home = Home::new();
    let name = OsStr::from_bytes(b"\xff\xfe");
    fs::create_dir_all(home.path("user-1")).unwrap();
    fs::write(home.path("user-1").join(name), "x").unwrap();
    let mut walk = home.workdirs().walk_container(&container("user-1"), Path::new("files")).unwrap();
    let entry = walk.step().unwrap().unwrap();
    assert_eq!(entry.path, Path::new("files").join(name));
    assert_eq!(std::io::read_to_string(entry.open().unwrap().0).unwrap(), "x");
}

#[test]
fn ids_lead_nowhere_else() {
    let home = Home::new();
    home.put("user-1/workdirs/img/file", "x");
    fs::write(home.directory.path().join("beside"), "x").unwrap();
    let workdirs = home.workdirs();
    for id in ["", ".", "..", "../..", "user-1/..", "/", "a\0b", "../beside", &"x".repeat(300)] {
        assert!(!workdirs.remove_container(&container(id)).unwrap(), "{id:?}");
        assert!(!workdirs.remove_conversation(&container(id), &conversation("img")).unwrap(), "{id:?}");
        assert!(!workdirs.remove_conversation(&container("user-1"), &conversation(id)).unwrap(), "{id:?}");
        assert_eq!(workdirs.usage(&container(id)), Usage::default(), "{id:?}");
        assert_eq!(workdirs.make(&container("user-1"), &conversation(id)).unwrap_err().code, "no_directory", "{id:?}");
    }
    assert!(home.path("user-1/workdirs/img/file").exists() && home.directory.path().join("beside").exists());
}

#[test]
fn a_link_in_the_way_is_refused_everywhere() {
    for at in ["", "user-1", "user-1/workdirs", "user-1/workdirs/img"] {
        let home = Home::new();
        match at {
            "" => symlink(home.outside.path(), home.directory.path().join(ROOT)).unwrap(),
            at => home.link(at),
        }
        let workdirs = home.workdirs();
        let (owner, id) = (container("user-1"), conversation("img"));
        assert_eq!(workdirs.make(&owner, &id).unwrap_err().code, "no_directory", "{at}");
        assert_eq!(workdirs.usage(&owner), Usage::default(), "{at}");
        // Only the link itself may go.
        let removed = workdirs.remove_conversation(&owner, &id);
        assert_eq!(removed.is_ok_and(|removed| removed), at == "user-1/workdirs/img", "{at}");
        let removed = workdirs.remove_container(&owner);
        assert_eq!(removed.is_ok_and(|removed| removed), !at.is_empty(), "{at}");
        if at.is_empty() {
            let error = workdirs.walk().err().unwrap();
            assert!(error.code == "cannot_read" && error.hint.is_some(), "{error:?}");
        }
        assert!(home.is_outside_untouched(), "{at}");
    }
}

#[test]
fn a_directory_is_made_private_and_used_again() {
    let home = Home::new();
    let make = || home.workdirs().make(&container("user-1"), &conversation("img_1")).unwrap();
    let dir = make();
    std::io::Write::write_all(&mut dir.new_file(OsStr::new("note"), 0o600).unwrap(), b"hello").unwrap();
    assert_eq!(dir.new_file(OsStr::new("note"), 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::io::read_to_string(make().file(OsStr::new("note")).unwrap().0).unwrap(), "hello");
    for below in ["", "user-1", "user-1/workdirs", "user-1/workdirs/img_1"] {
        assert_eq!(home.path(below).metadata().unwrap().permissions().mode() & 0o777, 0o700, "{below}");
    }
    assert_eq!(home.workdirs().containers().unwrap(), ["user-1"]);
}

#[test]
fn only_regular_files_are_read_and_none_is_waited_for() {
    let home = Home::new();
    home.put("c/file", "x");
    home.link("c/link");
    pipe(&home.path("c/pipe"));
    let dir = Dir::open(&home.path("c")).unwrap();
    assert!(dir.file(OsStr::new("file")).is_ok());
    for name in ["link", "pipe", ".", "..", "../c/file", "none"] {
        assert!(dir.file(OsStr::new(name)).is_err(), "{name}");
    }
}

#[test]
fn a_tree_of_any_depth_is_removed() {
    const DEEP: usize = 500; // with this name far beyond the longest path that the kernel takes
    let home = Home::new();
    fs::create_dir_all(home.path("user-1")).unwrap();
    let mut dir = Dir::open(&home.path("user-1")).unwrap();
    for _ in 0..DEEP {
        dir.new_file(OsStr::new("file"), 0o600).unwrap();
        dir = dir.new_dir(OsStr::new("directory"), 0o700).unwrap();
    }
    let seen = found(home.workdirs().walk().unwrap());
    assert_eq!(seen.values().filter(|what| **what == "closed").count(), 1, "a walk stops at its limit and says so");
    assert!(home.workdirs().remove_container(&container("user-1")).unwrap());
    assert!(!home.path("user-1").exists());
    assert!(!home.workdirs().remove_container(&container("user-1")).unwrap());
}

#[test]
fn what_is_no_directory_is_removed_itself() {
    let home = Home::new();
    home.put("file", "x");
    home.link("link");
    pipe(&home.path("pipe"));
    for name in ["file", "link", "pipe"] {
        assert!(home.workdirs().remove_container(&container(name)).unwrap(), "{name}");
        assert!(home.path(name).symlink_metadata().is_err(), "{name}");
    }
    assert!(home.is_outside_untouched());
}

/// Another thread exchanges a directory and a link to the outside for each other, as fast as it can, while `work` is
/// done some hundred times.
fn while_exchanged(home: &Home, mut work: impl FnMut()) {
    const ROUNDS: usize = 500;
    home.put("user-1/swapped/workdirs/img/own", "x");
    home.link("user-1/other");
    let (one, other) = (home.path("user-1/swapped"), home.path("user-1/other"));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &other, flags);
            }
        });
        (0..ROUNDS).for_each(|_| work());
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_walk_stays_inside_while_directories_become_links() {
    let home = Home::new();
    let mut seen = 0;
    while_exchanged(&home, || {
        let mut walk = home.workdirs().walk().unwrap();
        while let Some(entry) = walk.step().unwrap() {
            seen += 1;
            assert!(!entry.path.ends_with("precious"), "it walked over the link");
            if let (Found::File(_), Ok((file, _))) = (&entry.found, entry.open()) {
                assert_eq!(std::io::read_to_string(file).unwrap(), "x");
            }
        }
    });
    assert!(seen > 0);
}

#[test]
fn a_removal_stays_inside_while_directories_become_links() {
    let home = Home::new();
    while_exchanged(&home, || {
        for name in ["swapped", "other"] {
            let parent = Dir::open(&home.path("user-1")).unwrap();
            let _ = parent.remove_all(OsStr::new(name));
            let _ = parent.dir_or_new(OsStr::new("swapped"), 0o700).map(|dir| dir.new_file(OsStr::new("own"), 0o600));
            let _ = parent.new_link(OsStr::new("other"), home.outside.path().as_os_str());
        }
    });
    assert!(home.is_outside_untouched());
}
