//! `portagent restore`: the same service again, elsewhere or where it was, and the way back.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::support::chat::{self, Chat, Image, register};
use crate::support::http::Client as Http;
use crate::support::people::{sqlite3, verify};
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::{Run, program, run};

/// Every row of every table that people fill.
const ROWS: &str = "SELECT * FROM users ORDER BY userId";
const MESSAGES: &str = "SELECT * FROM messages ORDER BY messageId; SELECT * FROM images ORDER BY imageId; \
                        SELECT * FROM sessions ORDER BY sessionId; SELECT * FROM turns ORDER BY turnId";

pub fn rows(directory: &Path) -> (String, String) {
    let data = directory.join("data");
    (sqlite3(&data.join("portagent.db"), ROWS), sqlite3(&data.join("agentx.db"), MESSAGES))
}

fn json(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

pub fn backup(server: &Server) -> PathBuf {
    backup_with(server, &[])
}

fn backup_with(server: &Server, arguments: &[&str]) -> PathBuf {
    let run = server.run(&[&["backup", "--json"], arguments].concat());
    PathBuf::from(json(&run)["file"].as_str().unwrap())
}

/// A user who chatted, with a file of theirs; stopped after a backup.
fn chatted_and_stopped() -> (Chat, Image, PathBuf) {
    chatted_and_stopped_with(&[])
}

/// The same, with further arguments for the backup.
pub fn chatted_and_stopped_with(arguments: &[&str]) -> (Chat, Image, PathBuf) {
    let mut chat = Chat::with([Script::text("Yes."), Script::text("Again.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let files = chat.server.data_dir().join("containers/c/workdirs/i");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("hello.bin"), [0, 255, 1, 2]).unwrap();
    let archive = backup_with(&chat.server, arguments);
    chat.server.terminate();
    (chat, image, archive)
}

#[test]
fn onto_an_empty_machine_it_is_the_same_service_tokens_included() {
    let (chat, image, archive) = chatted_and_stopped();
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("agentx");
    let restored =
        run(home.path(), &["restore", archive.to_str().unwrap(), "--yes", "-d", elsewhere.to_str().unwrap()]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    for part in ["1 users, 1 conversations, 2 messages, 1 files", "nothing was there before", "restored-settings.env"] {
        assert!(restored.stdout.contains(part), "{part}: {}", restored.stdout);
    }
    assert_eq!(rows(&elsewhere), rows(&chat.server.data_dir()));
    assert_eq!(fs::read(elsewhere.join("containers/c/workdirs/i/hello.bin")).unwrap(), [0, 255, 1, 2]);
    for (path, mode) in
        [("data/agentx.db", 0o600), ("jwt-secret", 0o600), ("restored-settings.env", 0o600), ("data", 0o700)]
    {
        assert_eq!(elsewhere.join(path).metadata().unwrap().permissions().mode() & 0o777, mode, "{path}");
    }
    let server = Server::builder().start_in(home);
    assert_eq!(verify(server.http(), &chat.token), 200, "an old token is good");
    let mut client = crate::support::ws::Client::connect(server.port(), &chat.token);
    assert_eq!(chat::messages(&mut client, &image).len(), 2);
}

#[test]
fn where_it_was_the_data_of_today_is_kept_and_undo_goes_back_to_it() {
    let (mut chat, image, archive) = chatted_and_stopped();
    chat.server.restart();
    let mut client = chat.socket();
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "two");
    register(&chat.server, "bob");
    let held = chat.server.run(&["restore", archive.to_str().unwrap(), "--yes"]);
    assert_eq!(held.code, Some(1));
    assert!(held.stderr.contains(&format!("process {}", chat.server.pid())), "{}", held.stderr);
    // A crash, so that logs are left that must neither stay nor be lost.
    chat.server.kill9();
    let asked = chat.server.run(&["restore", archive.to_str().unwrap()]);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{}", asked.stderr);
    let restored = json(&chat.server.run(&["restore", "latest", "--yes", "--json"]));
    assert_eq!((&restored["users"], &restored["messages"]), (&Value::from(1), &Value::from(2)), "{restored}");
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 2);
    assert!(
        chat.server
            .http()
            .post("/api/auth/login", None, &serde_json::json!({"usernameOrEmail": "bob", "password": chat::PASSWORD}))
            .status
            == 401
    );
    chat.server.kill9();

    let undone = chat.server.run(&["restore", "--undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{}", undone.stderr);
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 4, "what the crash had left in its log is there, too");
    chat.server.terminate();
    assert_eq!(chat.server.run(&["restore", "--undo", "--yes"]).code, Some(0));
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 2);
}

#[test]
fn an_archive_that_is_damaged_changes_nothing_and_another_key_is_warned_about() {
    let (chat, _, archive) = chatted_and_stopped();
    let before = rows(&chat.server.data_dir());
    let good = fs::read(&archive).unwrap();
    let bad = archive.with_file_name("bad.tar.gz");
    for at in [11, good.len() / 3, good.len() - 9] {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        fs::write(&bad, bytes).unwrap();
        let refused = chat.server.run(&["restore", bad.to_str().unwrap(), "--yes"]);
        assert_eq!(refused.code, Some(1), "{at}: {}", refused.stdout);
        assert!(refused.stderr.contains("bad.tar.gz"), "{}", refused.stderr);
        assert_eq!(rows(&chat.server.data_dir()), before);
        assert!(!chat.server.data_dir().join("restore-new").exists());
    }
    let mut command = chat.server.command(&["restore", archive.to_str().unwrap(), "--yes"]);
    let warned: Run = command.env("JWT_SECRET", "another-secret-that-is-long-enough").output().unwrap().into();
    assert!(warned.stdout.contains("warning: JWT_SECRET is set to another key"), "{}", warned.stdout);
    let asked = chat.server.run(&["restore", "--undo", "extra", "--yes"]);
    assert_eq!(asked.code, Some(2));
}

#[test]
fn root_restores_and_the_owner_of_the_directory_owns_it_all() {
    if !crate::support::disk::possible() {
        return;
    }
    let (chat, _, archive) = chatted_and_stopped();
    let directory = chat.server.data_dir();
    let archive = given_away(&directory, &archive);
    assert_eq!(chat.server.run(&["restore", archive.to_str().unwrap(), "--yes"]).code, Some(0));
    let mut waiting = vec![directory];
    while let Some(path) = waiting.pop() {
        assert_eq!(path.symlink_metadata().unwrap().uid(), 65534, "{}", path.display());
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

/// Gives the data directory to another owner, who can reach it; returns the archive, where only root can read it.
fn given_away(directory: &Path, archive: &Path) -> PathBuf {
    let home = directory.parent().unwrap();
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    let for_root = home.join("for-root");
    fs::copy(archive, &for_root).unwrap();
    fs::set_permissions(&for_root, fs::Permissions::from_mode(0o600)).unwrap();
    crate::support::disk::run("chown", &["-R", "65534:65534", directory.to_str().unwrap()]);
    for_root
}

#[test]
fn root_follows_no_link_that_the_owner_of_the_directory_planted() {
    if !crate::support::disk::possible() {
        return;
    }
    let (chat, _, archive) = chatted_and_stopped();
    let directory = chat.server.data_dir();
    let archive = given_away(&directory, &archive);
    let roots = directory.parent().unwrap().join("roots");
    fs::create_dir_all(roots.join("data")).unwrap();
    fs::set_permissions(&roots, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(roots.join("file"), "precious").unwrap();
    let before = |path: &Path| (path.metadata().unwrap().uid(), path.metadata().unwrap().mode());
    let was = (before(&roots), before(&roots.join("file")));
    for (name, target) in [("portagent.lock", "file"), ("replaced", ""), ("data", "data"), ("restore-new", "")] {
        let place = directory.join(name);
        let aside = directory.join("aside");
        let had_one = fs::rename(&place, &aside).is_ok();
        std::os::unix::fs::symlink(roots.join(target), &place).unwrap();
        chat.server.run(&["restore", archive.to_str().unwrap(), "--yes"]);
        assert_eq!(fs::read_to_string(roots.join("file")).unwrap(), "precious", "{name}");
        assert_eq!((before(&roots), before(&roots.join("file"))), was, "{name}");
        assert_eq!(fs::read_dir(roots.join("data")).unwrap().count(), 0, "{name}");
        assert_eq!(fs::read_dir(&roots).unwrap().count(), 2, "{name}");
        let _ = fs::remove_file(&place);
        if had_one {
            let _ = fs::rename(&aside, &place);
        }
    }
}

#[test]
fn killed_at_any_moment_the_data_is_the_old_or_the_new() {
    let rounds: u64 = std::env::var("CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(24);
    let (mut chat, _, archive) = chatted_and_stopped();
    let new = rows(&chat.server.data_dir());
    chat.server.restart();
    register(&chat.server, "bob");
    chat.server.terminate();
    let old = rows(&chat.server.data_dir());
    assert_ne!(old, new);
    let home = chat.server.data_dir().parent().unwrap().to_owned();
    let (mut were_old, mut were_new) = (0, 0);
    for round in 0..rounds {
        let arguments: &[&str] = if round % 2 == 0 {
            &["restore", archive.to_str().unwrap(), "--yes"]
        } else {
            &["restore", "--undo", "--yes"]
        };
        let mut command = program(&home);
        let mut child =
            command.args(arguments).args(["-d", "agentx"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_micros((round * 7919) % 60_000));
        let _ = child.kill();
        child.wait().unwrap();
        let listed = chat.server.run(&["user", "list"]);
        assert_eq!(listed.code, Some(0), "round {round}: {}", listed.stderr);
        let now = rows(&chat.server.data_dir());
        assert!(now == old || now == new, "round {round}: a mix");
        assert_eq!(listed.stdout.contains("bob"), now == old);
        assert!(!chat.server.data_dir().join("restore.journal").exists(), "the next start ends it");
        *(if now == old { &mut were_old } else { &mut were_new }) += 1;
    }
    println!("{were_old} times the old, {were_new} times the new");
    chat.server.restart();
    assert_eq!(Http::new(chat.server.port()).get("/health", None).status, 200);
}

#[test]
fn the_manuals_way_by_hand_works_too() {
    let (mut chat, image, archive) = chatted_and_stopped();
    chat.server.restart();
    let mut client = chat.socket();
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "two");
    chat.server.kill9();
    let directory = chat.server.data_dir();
    let script = "tar -xzf \"$1\" -C \"$2\"; cp \"$2\"/data/agentx.db \"$2\"/data/portagent.db \"$3\"/data/; chown -R \"$(id -u):$(id -g)\" \"$3\"/data";
    let unpacked = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("sh")
        .args(["-ec", script, "sh"])
        .arg(&archive)
        .arg(unpacked.path())
        .arg(&directory)
        .output();
    let done: Run = done.unwrap().into();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    chat.server.restart();
    assert_eq!(chat::messages(&mut chat.socket(), &image).len(), 2);
}
