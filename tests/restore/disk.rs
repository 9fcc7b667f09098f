//! A restore that has no room, or that would have to move files from one disk to another: told before it begins.

use std::fs;
use std::path::PathBuf;

use super::command::{backup, rows};
use crate::support::chat::{Chat, register};
use crate::support::disk::Tmpfs;
use crate::support::people::{sqlite3, verify};
use crate::support::server::Server;

/// An archive of a service whose conversations take some 12 MiB, which does not become smaller when compressed.
fn large() -> (Chat, PathBuf) {
    let mut chat = Chat::with([]);
    chat.conversation();
    let filling = "CREATE TABLE filling (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) \
                   INSERT INTO filling SELECT randomblob(4000) FROM n;";
    sqlite3(&chat.server.data_dir().join("data/agentx.db"), filling);
    let archive = backup(&chat.server);
    chat.server.terminate();
    (chat, archive)
}

#[test]
fn onto_a_disk_that_is_too_small_it_is_said_with_both_numbers_and_the_service_there_stays() {
    let home = tempfile::tempdir().unwrap();
    let Some(small) = Tmpfs::mount(&home.path().join("agentx"), "8m") else { return };
    let (_chat, archive) = large();
    let mut there = Server::builder().start_in(home);
    let token = register(&there, "bob");
    there.terminate();
    let before = rows(&there.data_dir());
    let refused = there.run(&["restore", archive.to_str().unwrap(), "--yes"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    let free_and_needed = refused.stderr.matches(" MiB").count();
    let is_told = refused.stderr.contains("error: this needs 1") && refused.stderr.contains("hint:  free some space");
    assert!(is_told && free_and_needed == 2, "{}", refused.stderr);
    assert!(!there.data_dir().join("restore-new").exists() && !there.data_dir().join("replaced").exists());
    assert_eq!(rows(&there.data_dir()), before);

    small.resize("64m");
    let restored = there.run(&["restore", archive.to_str().unwrap(), "--yes"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let undone = there.run(&["restore", "--undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{}", undone.stderr);
    there.restart();
    assert_eq!(verify(there.http(), &token), 200);
    drop((there, small));
}

#[test]
fn where_a_part_of_the_directory_is_on_another_disk_it_is_refused_before_anything_is_moved() {
    let (chat, archive) = large();
    for part in ["data", "containers"] {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("agentx");
        let Some(apart) = Tmpfs::mount(&directory.join(part), "64m") else { return };
        let yes = ["restore", archive.to_str().unwrap(), "--yes", "-d", directory.to_str().unwrap()];
        let refused = chat.server.run(&yes);
        assert_eq!(refused.code, Some(1), "{part}: {}", refused.stdout);
        let names = format!("{} is mounted apart from the rest", directory.join(part).display());
        assert!(refused.stderr.contains(&names) && refused.stderr.contains("mount the whole"), "{}", refused.stderr);
        assert_eq!(fs::read_dir(directory.join(part)).unwrap().count(), 0, "{part}");
        drop(apart);
        let restored = chat.server.run(&yes);
        assert_eq!(restored.code, Some(0), "{part}: {}", restored.stderr);
        assert_eq!(rows(&directory), rows(&chat.server.data_dir()));
    }
}
