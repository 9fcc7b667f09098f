//! Restoring against real directories; `tests/restore` does it with the program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::id::hex;
use crate::domain::user::NewUser;
use crate::ops::archive::{DatabaseFacts, FORMAT, FilesFacts, Meta, Writer};
use crate::store::{Admission, Store, inspect};

fn data_directory(user: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let new = NewUser {
        username: user.to_owned(),
        password: "secret1".to_owned(),
        email: None,
        display_name: None,
        avatar: None,
    };
    store.add_user(new, "hash".to_owned(), Admission::Open).unwrap();
    store.token_key().unwrap();
    store.close();
    fs::create_dir_all(home.path().join("containers/c")).unwrap();
    fs::write(home.path().join("containers/c/whose"), user).unwrap();
    home
}

/// What a backup of a stopped server's directory is.
fn archive_of(directory: &Path, into: &Path, schema_more: i64) -> PathBuf {
    let meta = Meta { mode: 0o600, owner: (0, 0), modified: 0 };
    let content = |name: &str| fs::read(directory.join(name)).unwrap();
    let facts = |file: &str| {
        let facts = inspect::facts(&directory.join("data").join(file), Box::new(|| false)).unwrap();
        let bytes = content(&format!("data/{file}"));
        DatabaseFacts {
            file: file.to_owned(),
            schema: facts.schema + schema_more,
            bytes: bytes.len() as u64,
            page_bytes: facts.page_bytes,
            sha256: hex(&Sha256::digest(&bytes)),
            rows: facts.rows.into_iter().collect::<BTreeMap<_, _>>(),
        }
    };
    let manifest = Manifest {
        format: FORMAT,
        program: "portagent".to_owned(),
        version: "2.0.0".to_owned(),
        created_at: 1_700_000_000_000,
        databases: ["agentx.db", "portagent.db"].map(facts).to_vec(),
        files: FilesFacts { count: 1, bytes: 3 },
    };
    let mut writer = Writer::new(Vec::new(), tempfile::tempfile().unwrap(), meta);
    writer.bytes("manifest.json", &serde_json::to_vec(&manifest).unwrap()).unwrap();
    for name in ["data/agentx.db", "data/portagent.db", "jwt-secret"] {
        writer.bytes(name, &content(name)).unwrap();
    }
    writer.bytes("settings.env", b"PORT=1\n").unwrap();
    writer.bytes("mcp.json", b"{}").unwrap();
    writer.directory(Path::new("containers/c"), Meta { mode: 0o755, ..meta }).unwrap();
    writer.bytes("containers/c/whose", &content("containers/c/whose")).unwrap();
    let path = into.join("backup.tar.gz");
    fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

fn users(directory: &Path) -> Vec<String> {
    let users = Store::open(directory).unwrap().users().unwrap();
    users.into_iter().map(|user| user.username).collect()
}

fn files_of(directory: &Path) -> String {
    fs::read_to_string(directory.join("containers/c/whose")).unwrap()
}

#[test]
fn everything_is_back_and_can_be_undone() {
    let (old, new, elsewhere) = (data_directory("old"), data_directory("new"), tempfile::tempdir().unwrap());
    let archive = archive_of(new.path(), elsewhere.path(), 0);
    let at = old.path();
    let restored = restore(at, &archive, &Decryption::None, &mut Meter::silent()).unwrap();
    assert_eq!((restored.manifest.rows("users"), restored.files), (1, 1));
    assert_eq!((users(at), files_of(at)), (vec!["new".to_owned()], "new".to_owned()));
    let same = |one: &Path, other: &Path| {
        fs::read(one.join("jwt-secret")).unwrap() == fs::read(other.join("jwt-secret")).unwrap()
    };
    assert!(same(at, new.path()));
    let settings = restored.settings.unwrap();
    assert_eq!(fs::read_to_string(&settings).unwrap(), "PORT=1\n");
    assert_eq!(settings.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let servers = restored.servers.unwrap();
    assert_eq!(
        (servers.file_name().unwrap().to_str(), fs::read(&servers).unwrap()),
        (Some("restored-mcp.json"), b"{}".to_vec())
    );
    assert!(!at.join("mcp.json").exists(), "commands of a backup are not run automatically");
    let replaced = restored.replaced.unwrap();
    assert!(replaced.join("data/agentx.db").exists() && replaced.starts_with(at));
    undo(at).unwrap();
    assert_eq!((users(at), files_of(at)), (vec!["old".to_owned()], "old".to_owned()));
    assert!(!same(at, new.path()));
    undo(at).unwrap();
    assert_eq!((users(at), files_of(at)), (vec!["new".to_owned()], "new".to_owned()));

    let empty = elsewhere.path().join("new-machine");
    let restored = restore(&empty, &archive, &Decryption::None, &mut Meter::silent()).unwrap();
    assert_eq!((restored.replaced, users(&empty)), (None, vec!["new".to_owned()]));
    assert!(same(&empty, new.path()));
    assert_eq!(undo(&empty).unwrap_err().kind, crate::domain::Kind::NotFound);
}

#[test]
fn what_is_not_good_changes_nothing() {
    let (old, new, elsewhere) = (data_directory("old"), data_directory("new"), tempfile::tempdir().unwrap());
    let at = old.path();
    let code = |archive: &Path| restore(at, archive, &Decryption::None, &mut Meter::silent()).unwrap_err().code;
    let archive = archive_of(new.path(), elsewhere.path(), 0);
    let good = fs::read(&archive).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&archive, flipped).unwrap();
    assert_eq!(code(&archive), "archive_damaged");
    fs::write(&archive, &good[..good.len() - 1]).unwrap();
    assert_eq!(code(&archive), "archive_damaged");
    assert_eq!(code(&elsewhere.path().join("none")), "archive_not_found");
    assert_eq!(code(&archive_of(new.path(), elsewhere.path(), 90)), "archive_too_new");
    let lock = DirectoryLock::take(at).unwrap();
    assert_eq!(code(&archive), "data_dir_in_use");
    drop(lock);
    assert_eq!((users(at), files_of(at)), (vec!["old".to_owned()], "old".to_owned()));
    assert!(!at.join(INCOMING).exists() && !at.join("replaced").exists());
}

#[test]
fn an_archive_with_a_foreign_trigger_changes_nothing() {
    let (old, new, elsewhere) = (data_directory("old"), data_directory("new"), tempfile::tempdir().unwrap());
    let planted = rusqlite::Connection::open(new.path().join("data/portagent.db")).unwrap();
    let trigger = "PRAGMA journal_mode = DELETE; CREATE TRIGGER planted AFTER INSERT ON users BEGIN \
                   UPDATE users SET role = 'admin' WHERE userId = NEW.userId; END;";
    planted.execute_batch(trigger).unwrap();
    drop(planted);
    let archive = archive_of(new.path(), elsewhere.path(), 0);
    let error = restore(old.path(), &archive, &Decryption::None, &mut Meter::silent()).unwrap_err();
    assert_eq!(error.code, "foreign_schema");
    assert!(error.message.contains("trigger planted"), "{error}");
    assert_eq!(users(old.path()), vec!["old".to_owned()]);
}
