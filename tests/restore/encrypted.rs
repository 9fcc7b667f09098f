//! Backups that need the key or the passphrase.

use std::fs;

use super::command::{chatted_and_stopped_with, rows};
use crate::backup::encrypted::key_pair;
use crate::support::chat;
use crate::support::people::verify;
use crate::support::run;
use crate::support::server::Server;

#[test]
fn with_the_key_or_the_passphrase_it_is_the_same_service_and_without_it_nothing_happens() {
    let (key, recipient) = key_pair();
    let secrets = tempfile::tempdir().unwrap();
    let (identity, passphrase) = (secrets.path().join("identity.txt"), secrets.path().join("passphrase.txt"));
    fs::write(&identity, key).unwrap();
    fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let (identity, passphrase) = (identity.to_str().unwrap(), passphrase.to_str().unwrap());
    for (closes, opens) in [
        (["--encrypt-to", recipient.as_str()], ["--identity", identity]),
        (["--passphrase-file", passphrase], ["--passphrase-file", passphrase]),
    ] {
        let (chat, image, archive) = chatted_and_stopped_with(&closes);
        let home = tempfile::tempdir().unwrap();
        let elsewhere = home.path().join("agentx");
        let plain = ["restore", archive.to_str().unwrap(), "--yes", "-d", elsewhere.to_str().unwrap()];
        let refused = run(home.path(), &plain);
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.contains("use --identity FILE or --passphrase-file FILE"), "{}", refused.stderr);
        assert!(!elsewhere.join("data/agentx.db").exists());

        let restored = run(home.path(), &[&plain[..], &opens[..]].concat());
        assert_eq!(restored.code, Some(0), "{}", restored.stderr);
        assert_eq!(rows(&elsewhere), rows(&chat.server.data_dir()));
        let server = Server::builder().start_in(home);
        assert_eq!(verify(server.http(), &chat.token), 200, "an old token is good");
        let mut client = crate::support::ws::Client::connect(server.port(), &chat.token);
        assert_eq!(chat::messages(&mut client, &image).len(), 2);
    }
}
