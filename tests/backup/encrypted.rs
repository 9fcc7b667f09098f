//! Encrypted backups, through the program.

use std::fs;

use super::{backup, done, file_of, names, register_and_chat};
use crate::support::server::Server;

/// A new identity of age and its recipient, made by Debian's `age-keygen`.
pub fn key_pair() -> (String, String) {
    let output = std::process::Command::new("age-keygen").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let find = |begin: &str| text.split_whitespace().find(|word| word.starts_with(begin)).unwrap().to_owned();
    (find("AGE-SECRET-KEY-1"), find("age1"))
}

#[test]
fn a_recipient_of_the_settings_and_an_identity_that_opens_it() {
    let (key, recipient) = key_pair();
    let server = Server::builder().env("BACKUP_RECIPIENT", &recipient).start();
    register_and_chat(&server, "ann");
    let made = backup(&server, &[]);
    let file = file_of(&made);
    assert!(file.to_str().unwrap().ends_with(".tar.gz.age") && made["encrypted"] == true, "{made}");
    let identity = server.data_dir().with_file_name("identity.txt");
    fs::write(&identity, format!("# created: today\n{key}\n")).unwrap();
    let verified = server.run(&["backup", "verify", "latest", "--identity", identity.to_str().unwrap()]);
    assert!(done(&verified).contains("1 accounts, 1 conversations, 2 messages"), "{}", verified.stdout);
    // The age program of Debian opens it, too, and tar what comes out.
    let script = format!("age -d -i {} {} | tar -tz", identity.display(), file.display());
    let mut shell = std::process::Command::new("sh");
    let listed = crate::support::run_with_input(
        {
            shell.args(["-c", &script]);
            shell
        },
        "",
    );
    assert!(done(&listed).starts_with("manifest.json\ndata/agentx.db\ndata/portagent.db\n"), "{listed:?}");
    let locked = server.run(&["backup", "verify", "latest"]);
    assert_eq!(locked.code, Some(1));
    assert!(
        locked.stderr.contains("is needed to open it\nhint:  use --identity FILE or --passphrase-file FILE"),
        "{}",
        locked.stderr
    );
    assert_eq!(names(&server.data_dir().join("backups")).len(), 1);
}

#[test]
fn a_passphrase_from_a_file() {
    let server = Server::start();
    let file = server.data_dir().with_file_name("passphrase.txt");
    fs::write(&file, "correct horse battery\n").unwrap();
    let with = ["--passphrase-file", file.to_str().unwrap()];
    let made = file_of(&backup(&server, &with));
    let name = made.file_name().unwrap().to_str().unwrap();
    done(&server.run(&[&["backup", "verify", name], &with[..]].concat()));
    fs::write(&file, "wrong\n").unwrap();
    let refused = server.run(&[&["backup", "verify", name], &with[..]].concat());
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("encrypted for another recipient, or damaged"), "{}", refused.stderr);
    let both = server.run(&[&["backup", "--encrypt-to", &key_pair().1], &with[..]].concat());
    assert_eq!(both.code, Some(2), "{}", both.stderr);
}

#[test]
fn a_recipient_that_is_none_ends_the_start_and_a_secret_key_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let (key, recipient) = key_pair();
    let other = if recipient.ends_with('q') { "p" } else { "q" };
    let misspelt = format!("{}{other}", &recipient[..recipient.len() - 1]);
    for bad in [misspelt.as_str(), "somebody", &key] {
        let mut command = crate::support::program(home.path());
        let output =
            command.env("BACKUP_RECIPIENT", bad).env("LLM_PROVIDER", "demo").env("PORT", "0").output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: BACKUP_RECIPIENT") && said.contains("not a recipient of age"), "{said}");
        assert!(!said.contains(&key), "{said}");
    }
}
