//! Backups of real data directories.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::domain::id::{ContainerId, ConversationId};
use crate::ops::worker::Stop;
use crate::ops::{Meter, Pace};
use crate::store::Store;
use crate::workdirs::Workdirs;

struct Home {
    home: tempfile::TempDir,
    options: Options,
}

/// A data directory with a key, an agent's files, and what does not belong into an archive.
fn home() -> Home {
    let home = tempfile::tempdir().unwrap();
    let data_dir = home.path().join("agentx");
    let store = Store::open(&data_dir).unwrap();
    store.token_key().unwrap();
    store.close();
    let work = data_dir.join("containers/user-1/workdirs/img 深");
    fs::create_dir_all(work.join("empty")).unwrap();
    fs::write(work.join("a\nb"), "text").unwrap();
    fs::write(work.join("zeros"), vec![0; 3_000_000]).unwrap();
    fs::set_permissions(work.join("zeros"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("/etc", work.join("link")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(work.join("socket")).unwrap();
    let options = Options {
        into: home.path().join("out"),
        data_dir,
        key: None,
        settings: Secret::new("PORT=1\n"),
        encryption: Encryption::None,
    };
    Home { home, options }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn everything_is_in_it_and_comes_out_again() {
    let Home { home, options } = home();
    fs::write(options.data_dir.join("mcp.json"), "{\"mcpServers\":{}}").unwrap();
    let made = make(&options, &mut Meter::silent()).unwrap();
    assert_eq!(fs::metadata(&made.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&options.into), [made.path.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(made.report.warnings, ["1 sockets, pipes or devices were left out"]);
    assert_eq!((made.report.files, made.report.links, made.report.file_bytes), (2, 1, 3_000_004));
    assert_eq!(made.report.manifest.files, FilesFacts { count: 2, bytes: 3_000_004 });
    let out = home.path().join("taken out");
    fs::create_dir(&out).unwrap();
    let report =
        archive::extract_to(archive::open(&made.path, &Decryption::None).unwrap(), &out, &mut Meter::silent()).unwrap();
    assert_eq!(report.manifest, made.report.manifest);
    let key = fs::read(options.data_dir.join("jwt-secret")).unwrap();
    assert_eq!(fs::read(out.join("jwt-secret")).unwrap(), key);
    assert_eq!(fs::read(out.join("settings.env")).unwrap(), b"PORT=1\n");
    assert_eq!(fs::read(out.join("mcp.json")).unwrap(), b"{\"mcpServers\":{}}");
    let work = Path::new("containers/user-1/workdirs/img 深");
    assert_eq!(names(&out.join(work)), ["a\nb", "empty", "link", "zeros"]);
    for file in ["a\nb", "zeros"] {
        let read = |root: &Path| fs::read(root.join(work).join(file)).unwrap();
        assert!(read(&out) == read(&options.data_dir), "{file:?}");
    }
    assert_eq!(fs::metadata(out.join(work).join("zeros")).unwrap().permissions().mode() & 0o777, 0o700);
    Store::open(&out).unwrap().close();
}

#[test]
fn two_of_one_second_have_different_names() {
    let Home { home: _home, options } = home();
    let made: Vec<_> = (0..3).map(|_| make(&options, &mut Meter::silent()).unwrap().path).collect();
    assert_eq!(list(&options.into).unwrap().len(), 3);
    let newest_first: Vec<_> = list(&options.into).unwrap().into_iter().map(|one| one.path).collect();
    assert_eq!(newest_first, made.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_stop_at_any_step_leaves_nothing_behind() {
    let Home { home: _home, options } = home();
    let steps = ["copying the databases", "counting", "compressing", "reading the archive", "checking the databases"];
    for step in steps {
        let stop = Stop::default();
        let told = stop.clone();
        let mut meter = Meter::new(stop, Pace::Gentle, move |progress| {
            if progress.step == step {
                told.set();
            }
        });
        // What is small may be through its last step before anybody looks.
        match make(&options, &mut meter) {
            Err(error) => {
                assert_eq!(error.code, "stopped", "{step}");
                assert_eq!(names(&options.into), [""; 0], "{step}");
            }
            Ok(made) => {
                assert!(matches!(step, "copying the databases" | "counting" | "checking the databases"), "{step}");
                fs::remove_file(made.path).unwrap();
            }
        }
    }
}

#[test]
fn a_key_that_is_unknown_is_a_warning() {
    let Home { home: _home, options } = home();
    fs::remove_file(options.data_dir.join("jwt-secret")).unwrap();
    let made = make(&options, &mut Meter::silent()).unwrap();
    assert!(made.report.warnings[0].contains("set JWT_SECRET"), "{:?}", made.report.warnings);
    let given = Options { key: Some(Secret::new("of the environment")), ..options };
    let made = make(&given, &mut Meter::silent()).unwrap();
    assert_eq!(made.report.warnings.len(), 1, "{:?}", made.report.warnings);
}

#[test]
fn a_damaged_database_makes_no_backup() {
    let Home { home: _home, options } = home();
    let file = options.data_dir.join("data/agentx.db");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let error = make(&options, &mut Meter::silent()).unwrap_err();
    assert_eq!(error.code, "database_damaged", "{error}");
    assert!(!options.into.exists() || names(&options.into).is_empty());
}

#[test]
fn a_file_that_vanishes_while_we_work_is_not_missed() {
    let Home { home: _home, options } = home();
    let file = options.data_dir.join("containers/passing");
    fs::write(&file, "short").unwrap();
    let mut meter = Meter::new(Stop::default(), Pace::Full, move |progress| {
        if progress.step == "compressing" && progress.done == 0 {
            fs::remove_file(&file).unwrap();
        }
    });
    let made = make(&options, &mut meter).unwrap();
    assert_eq!((made.report.files, made.report.manifest.files.count), (2, 3));
}

#[test]
fn a_path_too_long_for_an_archive_is_left_out_and_named() {
    let Home { home: _home, options } = home();
    let long = std::ffi::OsString::from("x".repeat(255));
    let mut dir = Workdirs::of(&options.data_dir)
        .make(&ContainerId::from("user-1".to_owned()), &ConversationId::from("long".to_owned()))
        .unwrap();
    for _ in 0..20 {
        dir.new_file(OsStr::new("file"), 0o600).unwrap();
        dir = dir.new_dir(&long, 0o700).unwrap();
    }
    let made = make(&options, &mut Meter::silent()).unwrap();
    let warned = made.report.warnings.iter().any(|warning| warning.ends_with("has too long a name: it was left out"));
    assert!(warned, "{:?}", made.report.warnings);
}

fn unlocked(path: &Path, decryption: &Decryption, scratch: &Path) -> Result<Report> {
    archive::verify(path, decryption, scratch, &mut Meter::silent())
}

#[test]
fn an_encrypted_one_opens_for_its_recipient_only_and_every_changed_byte_is_found() {
    let Home { home, options } = home();
    fs::remove_dir_all(options.data_dir.join("containers")).unwrap();
    let (ours, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let file_of = |identity: &age::x25519::Identity, name: &str| {
        use age::secrecy::ExposeSecret as _;
        let path = home.path().join(name);
        fs::write(&path, format!("# made by age-keygen\n{}\n", identity.to_string().expose_secret())).unwrap();
        Decryption::Identity(path)
    };
    let (ours_file, other_file) = (file_of(&ours, "ours"), file_of(&other, "other"));
    let locked = Options { encryption: Encryption::Recipients(vec![ours.to_public().to_string()]), ..options };
    let made = make(&locked, &mut Meter::silent()).unwrap();
    assert!(made.report.is_encrypted && made.path.to_str().unwrap().ends_with(".tar.gz.age"));
    assert_eq!(names(&locked.data_dir), ["data", "jwt-secret", "logs"], "nothing is left in the data directory");
    let report = unlocked(&made.path, &ours_file, home.path()).unwrap();
    assert_eq!(report.manifest, made.report.manifest);
    let code = |decryption: &Decryption| unlocked(&made.path, decryption, home.path()).unwrap_err().code;
    assert_eq!(code(&other_file), "archive_wrong_key");
    assert_eq!(code(&Decryption::None), "archive_locked");
    assert_eq!(code(&Decryption::Passphrase(Secret::new("x"))), "archive_locked");
    assert_eq!(code(&Decryption::Identity(home.path().join("none"))), "identity_unreadable");
    assert_eq!(code(&Decryption::Identity(locked.data_dir.join("jwt-secret"))), "bad_identity");
    let good = fs::read(&made.path).unwrap();
    assert!(!good.windows(11).any(|part| part == b"portagent.db"[..11].as_ref()), "nothing can be read");
    let bad = home.path().join("bad");
    // All of the header, where the encryption has its own rules, and a sample of the rest.
    for at in (0..600).chain((600..good.len()).step_by(37)).chain(good.len() - 20..good.len()) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&bad, bytes).unwrap();
        assert!(unlocked(&bad, &ours_file, home.path()).is_err(), "byte {at} of {}", good.len());
    }
    fs::write(&bad, &good[..good.len() - 1]).unwrap();
    assert!(unlocked(&bad, &ours_file, home.path()).is_err());
}

#[test]
fn a_passphrase_opens_what_it_closed() {
    let Home { home, options } = home();
    let closed =
        |passphrase: &str| Options { encryption: Encryption::Passphrase(Secret::new(passphrase)), ..options.clone() };
    let made = make(&closed("correct horse"), &mut Meter::silent()).unwrap();
    let open = |passphrase: &str| unlocked(&made.path, &Decryption::Passphrase(Secret::new(passphrase)), home.path());
    assert_eq!(open("correct horse").unwrap().files, 2);
    assert_eq!(open("wrong horse").unwrap_err().code, "archive_wrong_key");
    assert_eq!(make(&closed(""), &mut Meter::silent()).unwrap_err().code, "no_passphrase");
    let unknown = Options { encryption: Encryption::Recipients(vec!["age1nobody".to_owned()]), ..options };
    assert_eq!(make(&unknown, &mut Meter::silent()).unwrap_err().code, "bad_recipient");
    assert_eq!(list(&unknown.into).unwrap().len(), 1);
}

#[test]
fn a_header_without_an_end_is_not_read_for_ever() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("x.age");
    let endless = [b"age-encryption.org/v1\n-> X25519 ".as_slice(), &[b'a'; 2 << 20]].concat();
    fs::write(&path, endless).unwrap();
    let error = unlocked(&path, &Decryption::Passphrase(Secret::new("x")), home.path()).unwrap_err();
    assert!(error.message.contains("header has no end"), "{error}");
}
