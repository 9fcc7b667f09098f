//! The escape corpus: every way out of a work directory that a path, a link, a device or a second process offers.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const SECRET: &str = "words of another person";

struct Home {
    directory: tempfile::TempDir,
    workdir: Workdir,
}

impl Home {
    /// A work directory, and beside it what must never be read or changed.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let workdirs = Workdirs::of(directory.path());
        let (owner, other) = (ContainerId::from("user-1".to_owned()), ConversationId::from("img_2".to_owned()));
        workdirs.make(&owner, &other).unwrap();
        let home =
            Self { workdir: workdirs.workdir(&owner, &ConversationId::from("img_1".to_owned())).unwrap(), directory };
        fs::write(home.secret(), SECRET).unwrap();
        home
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("containers/user-1/workdirs/img_1")
    }

    fn secret(&self) -> PathBuf {
        self.directory.path().join("containers/user-1/workdirs/img_2/secret")
    }

    fn is_secret_safe(&self) -> bool {
        let around = fs::read_dir(self.secret().parent().unwrap()).unwrap().count();
        around == 1 && fs::read_to_string(self.secret()).is_ok_and(|text| text == SECRET)
    }

    fn read(&self, path: &str) -> Result<String> {
        let (file, _) = self.workdir.open(&Place::parse(path)?)?;
        std::io::read_to_string(file).map_err(Error::internal)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        self.workdir.write(&Place::parse(path)?, text.as_bytes())?.keep()
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let (found, _) = self.workdir.list(&Place::parse(path)?, 100)?;
        Ok(found.into_iter().map(|one| one.path).collect())
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.workdir.remove(&Place::parse(path)?)
    }

    fn walk(&self) -> Vec<String> {
        let mut all = Vec::new();
        let root = Place::parse("").unwrap();
        self.workdir
            .each(&root, &mut |found, open| {
                if let Ok(file) = open() {
                    assert!(!std::io::read_to_string(file).unwrap_or_default().contains(SECRET), "{found:?}");
                }
                all.push(found.path);
                Ok(true)
            })
            .unwrap();
        all
    }
}

#[test]
fn what_is_written_is_read_listed_and_removed() {
    let home = Home::new();
    home.write("notes/深/a b.txt", "one").unwrap();
    home.write("/notes/./深//a b.txt", "two").unwrap();
    assert_eq!(home.read("notes/深/a b.txt").unwrap(), "two");
    assert_eq!(home.list("").unwrap(), ["notes"]);
    assert_eq!(home.list("notes/深").unwrap(), ["a b.txt"], "nothing half-written stays");
    assert_eq!(home.walk(), ["notes", "notes/深", "notes/深/a b.txt"]);
    assert_eq!(home.workdir.measure(&mut |_| ()).unwrap().bytes, 3);
    let code = |error: Error| error.code.as_str();
    assert_eq!(home.read("none").map_err(code), Err("no_such_file"));
    assert_eq!(home.read("notes").map_err(code), Err("not_a_file"));
    assert_eq!(home.read("").map_err(code), Err("is_directory"));
    assert_eq!(home.write("notes", "x").map_err(code), Err("is_directory"));
    assert_eq!(home.write("notes/深/a b.txt/x", "x").map_err(code), Err("not_a_directory"));
    assert_eq!(home.remove("").map_err(code), Err("bad_path"));
    home.remove("notes").unwrap();
    assert_eq!(home.remove("notes").map_err(code), Err("no_such_file"));
    assert!(home.list("").unwrap().is_empty());
}

#[test]
fn a_draft_that_is_not_kept_changes_nothing() {
    let home = Home::new();
    home.write("a", "old").unwrap();
    let mut draft = home.workdir.begin(&Place::parse("a").unwrap()).unwrap();
    std::io::Write::write_all(&mut draft.file, b"newer").unwrap();
    let usage = home.workdir.measure(&mut |_| ()).unwrap();
    assert_eq!((usage.files, usage.bytes, draft.growth().unwrap()), (1, 3, 2), "it is not counted yet");
    drop(draft);
    assert_eq!(home.write(".writing-mine", "x").unwrap_err().code, "bad_path", "nor is anything made to look like it");
    assert_eq!((home.read("a").unwrap().as_str(), home.list("").unwrap().len()), ("old", 1));
}

#[test]
fn no_path_leads_out() {
    let home = Home::new();
    home.write("own", "x").unwrap();
    let secret = home.secret();
    let absolute = secret.to_str().unwrap();
    let up = [
        "../img_2/secret",
        "./../img_2/secret",
        "a/../../img_2/secret",
        "..",
        "../",
        "../../..",
        "own/../../img_2/secret",
        "..\u{0}",
        "own\0/../../x",
        "\n..",
    ];
    for path in up {
        for done in [home.read(path).map(drop), home.write(path, "x"), home.list(path).map(drop), home.remove(path)] {
            assert_eq!(done.map_err(|error| error.code.as_str()), Err("bad_path"), "{path:?}");
        }
    }
    // These are names like others, below the work directory.
    let inside = [
        absolute,
        "/proc/self/root/etc/passwd",
        "/etc/passwd",
        "//etc/shadow",
        "%2e%2e/img_2/secret",
        "..%2fx",
        "~/x",
        "..\\img_2\\secret",
        "\u{ff0e}\u{ff0e}/x",
        "....//x",
        "$HOME/x",
        "C:\\x",
        "file:///etc/passwd",
        "-rf",
        "--",
        "*",
        " ",
        ".\u{200d}./x",
        "con",
        "\u{202e}x",
    ];
    for path in inside {
        assert!(home.read(path).is_err(), "{path:?}");
        home.write(path, "mine").unwrap();
        assert_eq!(home.read(path).unwrap(), "mine", "{path:?}");
    }
    let long = ["x".repeat(256), "x/".repeat(600), "深".repeat(86)];
    assert!(long.iter().all(|path| home.write(path, "x").is_err()));
    assert!(home.is_secret_safe());
}

#[test]
fn links_devices_and_second_names_are_not_opened() {
    let home = Home::new();
    let (path, outside) = (home.path(), home.secret().parent().unwrap().to_owned());
    symlink(home.secret(), path.join("link")).unwrap();
    symlink(&outside, path.join("directory")).unwrap();
    symlink("..", path.join("up")).unwrap();
    symlink("/proc/self/root", path.join("root")).unwrap();
    symlink("/proc/self/fd", path.join("fd")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    symlink("nowhere", path.join("dangling")).unwrap();
    fs::hard_link(home.secret(), path.join("second")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(path.join("pipe")).status().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    assert!(pipe.success());
    let reached =
        ["link", "directory/secret", "up/img_2/secret", "root/etc/passwd", "fd/0", "loop", "second", "pipe", "socket"];
    for place in reached {
        assert!(home.read(place).is_err(), "{place} was read");
    }
    for place in ["directory/new", "up/new", "root/tmp/new", "fd/1", "loop", "link", "dangling", "pipe", "socket"] {
        assert!(home.write(place, "x").is_err(), "{place} was written");
    }
    for place in ["directory", "up", "root", "fd", "link"] {
        assert!(home.list(place).is_err(), "{place} was listed");
    }
    assert!(home.remove("directory/secret").is_err() && home.remove("up/img_2").is_err());
    assert_eq!(home.walk().len(), 10, "they are named, and not entered");
    // A second name can be replaced: the other one keeps its words.
    home.write("second", "mine").unwrap();
    assert_eq!(home.read("second").unwrap(), "mine");
    for place in ["link", "directory", "up", "root", "loop", "pipe", "socket"] {
        home.remove(place).unwrap();
    }
    assert!(home.is_secret_safe());
}

#[test]
fn names_that_are_no_text_are_shown_and_do_no_harm() {
    let home = Home::new();
    fs::write(home.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
    fs::write(home.path().join("a\nb\x1b[2J"), "x").unwrap();
    assert_eq!(home.walk().len(), 2);
    assert!(home.list("").unwrap().contains(&"\u{fffd}\u{fffd}".to_owned()));
}

/// A second process exchanges a directory and a link to the outside, as fast as it can.
#[test]
fn a_process_that_swaps_directories_gains_nothing() {
    const ROUNDS: usize = 2000;
    let home = Home::new();
    fs::create_dir(home.path().join("swapped")).unwrap();
    fs::write(home.path().join("swapped/secret"), "own").unwrap();
    symlink(home.secret().parent().unwrap(), home.path().join("other")).unwrap();
    let script = "import ctypes, sys\n\
        libc = ctypes.CDLL(None)\n\
        print(flush=True)\n\
        while True: libc.renameat2(-100, b'swapped', -100, b'other', 2)";
    let mut swapper = std::process::Command::new("python3")
        .args(["-c", script])
        .current_dir(home.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0];
    std::io::Read::read_exact(swapper.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        match home.read("swapped/secret") {
            Ok(text) => {
                assert_ne!(text, SECRET, "it was read through the link");
                read += 1;
            }
            Err(_) => refused += 1,
        }
        let _ = home.write("swapped/new", "x");
        let _ = home.remove("swapped/new");
        let _ = home.list("swapped").map(|names| assert!(names.len() < 5));
    }
    swapper.kill().unwrap();
    swapper.wait().unwrap();
    assert!(read > 0 && refused > 0, "both were there: {read} {refused}");
    assert!(home.is_secret_safe());
}

/// The same with the last name: a file and a link to the outside.
#[test]
fn a_file_that_becomes_a_link_is_not_written_through() {
    let home = Home::new();
    let (file, link) = (home.path().join("file"), home.path().join("link"));
    fs::write(&file, "own").unwrap();
    symlink(home.secret(), &link).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &file, rustix::fs::CWD, &link, flags);
            }
        });
        for _ in 0..2000 {
            let _ = home.write("file", "mine");
            assert!(home.read("file").map_or(true, |text| text != SECRET));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(home.is_secret_safe());
}
