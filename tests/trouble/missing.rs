//! Data that is not where it should be: no empty service begins in its place.

use std::fs;
use std::path::Path;

use crate::support::people::{register, sqlite3};
use crate::support::server::Server;
use crate::support::{eventually, program, run};

#[test]
fn a_command_that_reads_makes_nothing_where_there_is_no_data() {
    let home = tempfile::tempdir().unwrap();
    let typo = home.path().join("typo");
    for command in ["user list", "user logout ann", "invite list", "retention show", "retention off", "backup"] {
        let words: Vec<&str> = command.split(' ').chain(["-d", "typo"]).collect();
        let run = run(home.path(), &words);
        assert_eq!(run.code, Some(1), "{command}: {}", run.stdout);
        assert!(run.stderr.contains("typo") && run.stderr.contains("hint:"), "{command}: {}", run.stderr);
        assert!(!typo.exists(), "{command} made something");
    }
    // What is prepared before the first start.
    let added = run(home.path(), &["user", "add", "ann", "--generate", "-d", "new"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert!(run(home.path(), &["user", "list", "-d", "new"]).stdout.contains("ann"));
}

#[test]
fn a_start_where_data_is_missing_is_refused_until_it_is_wanted() {
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    let data = server.data_dir().join("data");
    sqlite3(
        &data.join("agentx.db"),
        "INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) VALUES ('m', 's', 1, 'user', '[]', 1)",
    );
    assert_eq!(server.run(&["backup"]).code, Some(0));
    let refused = |missing: &Path, what: &str| {
        let aside = server.data_dir().join("aside");
        fs::rename(missing, &aside).unwrap();
        let run = server.run(&["serve", "--port", "0"]);
        assert!(run.code == Some(1) && run.stderr.contains(what) && run.stderr.contains("--new"), "{}", run.stderr);
        assert!(!missing.exists(), "nothing was made");
        fs::rename(&aside, missing).unwrap();
    };
    refused(&data.join("agentx.db"), "agentx.db is missing");
    refused(&data.join("portagent.db"), "portagent.db is missing");
    refused(&data, "there are backups");
    fs::remove_dir_all(&data).unwrap();
    let mut anew = program(server.data_dir().parent().unwrap())
        .args(["serve", "--new", "--port", "0", "-d"])
        .arg(server.data_dir())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("an empty service begins", || data.join("portagent.db").exists());
    anew.kill().unwrap();
    anew.wait().unwrap();
}
