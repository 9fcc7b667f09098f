//! Media that cannot hold a service, or only an old one.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::people::register;
use crate::support::server::Server;
use crate::support::{Run, program};

/// Runs a command where `directory` cannot be written, in a mount namespace of its own. `None` where that is not allowed.
fn read_only(directory: &Path, home: &Path, arguments: &[&str]) -> Option<Run> {
    let mounted = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" || exit 99; shift; exec \"$@\"";
    let inner = program(home);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", mounted, "sh"]).arg(directory).arg(inner.get_program()).args(arguments);
    command.arg("-d").arg(directory).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    let run = Run::from(command.current_dir(home).output().ok()?);
    (run.code != Some(99)).then_some(run)
}

#[test]
fn a_read_only_medium_can_be_listed_checked_and_backed_up() {
    if !rustix::process::geteuid().is_root() {
        return println!("not root: nothing can be mounted");
    }
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::start();
    register(&server, "ann");
    server.kill9(); // a log is left to be read
    let directory = server.data_dir();
    let Some(listed) = read_only(&directory, home.path(), &["user", "list"]) else {
        return println!("no mount namespaces here");
    };
    assert!(listed.code == Some(0) && listed.stdout.contains("ann"), "{listed:?}");
    let run = |arguments: &[&str]| read_only(&directory, home.path(), arguments).unwrap();
    for command in [&["invite", "list"][..], &["retention", "show"], &["db", "check"], &["db", "stats"], &["logs"]] {
        let shown = run(command);
        assert_eq!(shown.code, Some(0), "{command:?}: {shown:?}");
    }
    let backed_up = run(&["backup", "--out", "copies"]);
    assert_eq!(backed_up.code, Some(0), "{backed_up:?}");
    let archive = backed_up.stdout.split(" (").next().unwrap();
    assert_eq!(run(&["backup", "verify", archive]).code, Some(0));
    assert!(backed_up.stdout.contains("holds     1 accounts"), "{backed_up:?}");
    let exported = run(&["user", "export", "ann", "--out", "ann.tar.gz"]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let refused = run(&["user", "add", "bob", "--generate"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains(" is on a read-only file system"), "{}", refused.stderr);
    let looked = run(&["doctor"]);
    assert!(looked.stdout.contains(" is on a read-only file system: a server cannot run there"), "{}", looked.stdout);
    // Damaged, and saved onto another disk.
    let agent = directory.join("data/agentx.db");
    let mut bytes = std::fs::read(&agent).unwrap();
    bytes[..100].fill(0);
    std::fs::write(&agent, bytes).unwrap();
    let recovered = run(&["db", "recover", "agentx", "--out", "saved.db"]);
    assert!(recovered.code == Some(0) && home.path().join("saved.db").exists(), "{recovered:?}");
}

/// Where the `-shm` file cannot be mapped a database cannot be used: here it is a device.
#[test]
fn a_file_system_without_shared_memory_is_named_as_that() {
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    let shared = server.data_dir().join("data/portagent.db-shm");
    let made = Command::new("mknod").arg(&shared).args(["c", "1", "3"]).status();
    if !made.is_ok_and(|made| made.success()) {
        return println!("no devices can be made here");
    }
    let listed = server.run(&["user", "list"]);
    assert_eq!(listed.code, Some(1));
    assert!(listed.stderr.contains("The file system has no shared memory"), "{}", listed.stderr);
}

/// Nor can it where that file cannot have its size: here no file may be longer than 16 KiB.
#[test]
fn the_doctor_tries_whether_the_file_system_can_hold_a_database() {
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    let doctor = |before: &str| {
        let inner = server.command(&["doctor", "--json"]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{before} exec \"$@\""), "sh"]).arg(inner.get_program()).args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let run = Run::from(command.current_dir(inner.get_current_dir().unwrap()).output().unwrap());
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        report["checks"].as_array().unwrap().iter().find(|one| one["name"] == "file system").unwrap().clone()
    };
    assert_eq!(doctor("")["verdict"], "pass");
    let found = doctor("trap '' XFSZ; ulimit -f 32;");
    assert_eq!(found["verdict"], "fail", "{found:#}");
    assert!(found["detail"].as_str().unwrap().contains("The file system has no shared memory"), "{found:#}");
    assert!(found["hint"].as_str().unwrap().contains("ext4"), "{found:#}");
    let left: Vec<_> = server.data_dir().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}
