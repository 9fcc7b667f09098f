//! Files that cannot be written: while we serve, and at a start.

use std::fs;
use std::process::Command;
use std::thread::sleep;

use super::{A_WHILE, check, eventually_well, refusal, said};
use crate::support::chat::{self, Chat, register};
use crate::support::disk::{self, Ext4};
use crate::support::program;
use crate::support::server::Server;
use crate::support::upstream::Script;

/// `chattr +i` is what stops writes through descriptors that are open; a remount would say that the disk is busy.
fn immutable(chat: &Chat, is_on: bool) {
    let data = chat.server.data_dir().join("data");
    for entry in fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_string_lossy().starts_with("agentx.db")
            && !entry.to_string_lossy().ends_with("-shm")
        {
            disk::run("chattr", &[if is_on { "+i" } else { "-i" }, &entry.to_string_lossy()]);
        }
    }
}

#[test]
fn a_database_that_becomes_read_only_is_read_on_and_written_again_when_it_can_be() {
    let home = tempfile::tempdir().unwrap();
    let image_file = tempfile::NamedTempFile::new().unwrap();
    let Some(mount) = Ext4::mount(&home.path().join("agentx"), image_file.path(), 24) else { return };
    let chat = Chat::in_home(Server::builder(), home, [Script::text("Yes."), Script::text("Yes.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    immutable(&chat, true);
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_not_writable");
    sleep(A_WHILE);
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_not_writable");
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "reading goes on");
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("cannot be written")), ("fail", true), "{message}");
    let told = said(&chat.server, "ERROR", "agentx.db");
    assert_eq!(told.len(), 1, "{told:#?}");
    immutable(&chat, false);
    eventually_well(&chat.server, "agentx.db");
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "");
    client.events_until("conversation_end");
    assert_eq!(chat::messages(&mut client, &image).len(), 4);
    drop((chat, mount));
}

/// `mount -o remount,ro` is refused while a program writes there; the kernel itself does not ask.
#[test]
fn a_disk_that_the_kernel_remounts_read_only_is_read_on_and_served_again_when_it_is_mended() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("agentx");
    let (worn_out, mended) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let Some(mount) = Ext4::mount(&at, worn_out.path(), 24) else { return };
    let chat = Chat::in_home(Server::builder(), home, [Script::text("Yes."), Script::text("Yes.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    mount.fail();
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_not_writable");
    sleep(A_WHILE);
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "database_not_writable");
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "reading goes on");
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("made read-only")), ("fail", true), "{message}");
    let told = said(&chat.server, "ERROR", "agentx.db");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("The disk was made read-only") && told[0].contains("see dmesg"), "{}", told[0]);

    // What an administrator does: a copy of the disk, checked, and mounted in its place.
    fs::copy(worn_out.path(), mended.path()).unwrap();
    let checked = Command::new("e2fsck").arg("-fy").arg(mended.path()).output().unwrap();
    assert!(checked.status.code().is_some_and(|code| code < 4), "{checked:?}");
    drop(mount);
    sleep(A_WHILE);
    assert!(!at.join("portagent.lock").exists(), "nothing is locked where the disk was");
    let mount = Ext4::mount_image(&at, mended.path());
    eventually_well(&chat.server, "agentx.db");
    eventually_well(&chat.server, "portagent.db");
    assert_eq!(chat::messages(&mut client, &image).len(), 2, "what was acknowledged is there");
    assert_eq!(refusal(&mut client, &image, "two", "c2"), "");
    client.events_until("conversation_end");
    assert_eq!(chat::messages(&mut client, &image).len(), 4);
    let second = chat.server.run(&["serve", "--port", "0"]);
    assert!(second.stderr.contains("in use by another portagent server"), "{}", second.stderr);
    drop((chat, mount));
}

#[test]
fn a_start_on_a_read_only_disk_says_so() {
    let home = tempfile::tempdir().unwrap();
    let image_file = tempfile::NamedTempFile::new().unwrap();
    let Some(mount) = Ext4::mount(&home.path().join("agentx"), image_file.path(), 24) else { return };
    let mut server = Server::builder().start_in(home);
    register(&server, "ann");
    server.terminate();
    mount.remount("ro");
    let run = server.run(&["serve", "--port", "0"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("Read-only file system") && run.stderr.contains("hint: "), "{}", run.stderr);
    mount.remount("rw");
    server.restart();
    drop((server, mount));
}

#[test]
fn files_of_another_owner_are_named_and_not_changed() {
    if !disk::possible() {
        return;
    }
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    let directory = server.data_dir();
    let home = directory.parent().unwrap();
    disk::run("chown", &["-R", "65534:65534", &home.to_string_lossy()]);
    disk::run("chown", &["0:0", &directory.join("data/agentx.db").to_string_lossy()]);
    let before = fs::read(directory.join("data/portagent.db")).unwrap();
    let serve = program(home);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(serve.get_program());
    command.args(["serve", "--port", "0", "-d"]).arg(&directory).env("HOME", home).current_dir("/");
    let run: crate::support::Run = command.output().unwrap().into();
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("data/agentx.db") && run.stderr.contains("Permission denied"), "{}", run.stderr);
    assert!(run.stderr.contains("chown"), "{}", run.stderr);
    let looked = server.run(&["doctor"]).stdout;
    assert!(looked.contains("data/agentx.db does not belong to the owner of "), "the doctor sees it, too: {looked}");
    assert_eq!(fs::read(directory.join("data/portagent.db")).unwrap(), before);
}
