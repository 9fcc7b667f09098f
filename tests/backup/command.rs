//! `portagent backup`, `backup list` and `backup verify`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::{backup, done, file_of, names, register_and_chat, unpacked};
use crate::support::people::{register, sqlite3};
use crate::support::server::Server;

/// What `sha256sum` of Debian says about the archive's own sums.
fn check_sums(directory: &std::path::Path) {
    let output =
        std::process::Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn everything_is_in_it(server: &Server) {
    let work = server.data_dir().join("containers/user-x/workdirs/img-1");
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("notes.txt"), "an agent's file").unwrap();
    let made = backup(server, &[]);
    let file = file_of(&made);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!((&made["verified"], &made["files"]["count"]), (&true.into(), &1.into()));
    assert_eq!(made["databases"][1]["rows"]["users"], 1);
    assert_eq!(made["databases"][0]["rows"]["messages"], 2);
    let out = unpacked(&file);
    check_sums(out.path());
    for (database, count) in
        [("portagent.db", "SELECT count(*) FROM users"), ("agentx.db", "SELECT count(*) FROM images")]
    {
        let database = out.path().join("data").join(database);
        assert_eq!(
            sqlite3(&database, &format!("{count}; PRAGMA integrity_check; PRAGMA journal_mode;")),
            "1\nok\ndelete"
        );
    }
    let same = |name: &str| {
        assert_eq!(fs::read(out.path().join(name)).unwrap(), fs::read(server.data_dir().join(name)).unwrap(), "{name}");
    };
    same("containers/user-x/workdirs/img-1/notes.txt");
    same("jwt-secret");
    let settings = fs::read_to_string(out.path().join("settings.env")).unwrap();
    assert!(settings.contains("LLM_PROVIDER=demo\n") && settings.contains("HOST=127.0.0.1\n"), "{settings}");
}

#[test]
fn beside_a_running_server_and_without_one() {
    let mut server = Server::start();
    register_and_chat(&server, "ann");
    everything_is_in_it(&server);
    server.terminate();
    everything_is_in_it(&server);
    let left = names(&server.data_dir().join("data"));
    assert!(!left.iter().any(|name| name.ends_with("-wal")), "{left:?}");
    let list: serde_json::Value = serde_json::from_str(done(&server.run(&["backup", "list", "--json"]))).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let newest = list[0]["file"].as_str().unwrap();
    assert!(done(&server.run(&["backup", "list"])).contains(newest));
    let verified = server.run(&["backup", "verify", "latest"]);
    assert!(done(&verified).starts_with(&format!("{newest} is good\n")), "{}", verified.stdout);
    let name = newest.rsplit('/').next().unwrap();
    assert!(
        done(&server.run(&["backup", "verify", name])).contains("1 accounts, 1 conversations, 2 messages, 1 files")
    );
    assert_eq!(names(&server.data_dir().join("backups")).len(), 2, "nothing else is there");
}

#[test]
fn a_step_is_a_line_where_there_is_no_terminal() {
    let server = Server::start();
    let run = server.run(&["backup", "--out", "elsewhere/deep"]);
    assert!(done(&run).contains("elsewhere/deep/portagent-"), "{}", run.stdout);
    let steps: Vec<&str> = run.stderr.lines().collect();
    let expected = ["copying the databases …", "counting …", "compressing …", "reading the archive …"];
    assert_eq!(steps, [&expected[..], &["checking the databases …"]].concat());
    let made = fs::metadata(server.data_dir().parent().unwrap().join("elsewhere/deep")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o700);
    assert_eq!(names(&server.data_dir().join("backups")), [""; 0], "it is somewhere else");
}

#[test]
fn a_changed_byte_is_found_through_the_program_too() {
    let server = Server::start();
    let file = file_of(&backup(&server, &[]));
    let good = fs::read(&file).unwrap();
    let bad = file.with_file_name("bad.tar.gz");
    let middle = (20..good.len() - 120).step_by(97);
    let ends = (0..20).step_by(3).chain((good.len() - 120..good.len()).step_by(7));
    for at in middle.chain(ends) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&bad, bytes).unwrap();
        let run = server.run(&["backup", "verify", bad.to_str().unwrap()]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "byte {at} of {}", good.len());
        assert!(run.stderr.contains("error: ") && run.stderr.contains("hint:  "), "{}", run.stderr);
    }
    for length in [0, 1, 100, good.len() / 2, good.len() - 1] {
        fs::write(&bad, &good[..length]).unwrap();
        assert_eq!(server.run(&["backup", "verify", "bad.tar.gz"]).code, Some(1), "cut at {length}");
    }
    fs::write(&bad, &good).unwrap();
    done(&server.run(&["backup", "verify", "bad.tar.gz"]));
    assert_eq!(names(&server.data_dir().join("backups")).len(), 2, "nothing is left of the checks");
}

#[test]
fn what_cannot_be_done_is_said() {
    let server = Server::start();
    let refused = |arguments: &[&str], message: &str| {
        let run = server.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    };
    refused(&["backup", "verify", "latest"], "error: there is no backup in ");
    refused(&["backup", "verify", "none.tar.gz"], "error: cannot open none.tar.gz: No such file");
    refused(&["backup", "--data-dir", "nowhere"], "there is no database");
    assert!(!server.data_dir().with_file_name("nowhere").exists(), "nothing was made there");
    fs::write(server.data_dir().with_file_name("file"), "x").unwrap();
    refused(&["backup", "--out", "file"], "cannot make the directory");
    refused(&["backup", "verify", "file"], "the archive is damaged");
    assert_eq!(
        done(&server.run(&["backup", "list"])),
        format!("no backups in {}\n", server.data_dir().join("backups").display())
    );
}

/// As root on a service's data: what is made belongs to the service, or its next backup fails.
#[test]
fn what_root_makes_belongs_to_the_owner_of_the_data() {
    if !rustix::process::geteuid().is_root() {
        return println!("not root: nothing to be seen here");
    }
    let mut server = Server::start();
    register(&server, "ann");
    server.terminate();
    let owned_by = |owner: u32| {
        let arguments = [server.data_dir().into_os_string(), "-not".into(), "-uid".into(), owner.to_string().into()];
        let output = std::process::Command::new("find").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let give = std::process::Command::new("chown").args(["-R", "1000:1000"]).arg(server.data_dir()).status().unwrap();
    assert!(give.success());
    // The owner has to be able to reach it.
    fs::set_permissions(server.data_dir().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    backup(&server, &[]);
    assert_eq!(owned_by(1000), "");
    // Elsewhere, in a place that the owner cannot even reach, it is root's; the data is touched as its owner all the same.
    let private = tempfile::tempdir().unwrap();
    fs::set_permissions(private.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let out = private.path().join("copies");
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| format!("{} {}", entry.metadata().unwrap().uid(), entry.file_name().display())).collect()
    };
    backup(&server, &["--out", out.to_str().unwrap()]);
    assert!(matches!(&names()[..], [one] if one.starts_with("0 portagent-")), "{:?}", names());
    let exported = out.join("ann.tar.gz");
    let export = server.run(&["user", "export", "ann", "--out", exported.to_str().unwrap()]);
    assert_eq!(export.code, Some(0), "{}", export.stderr);
    assert_eq!(fs::metadata(&exported).unwrap().uid(), 0);
    assert_eq!((names().len(), owned_by(1000).as_str()), (2, ""), "nothing else is left: {:?}", names());
    // A link that the owner plants where root would write leads nowhere.
    let planted = server.data_dir().join("backups");
    fs::remove_dir_all(&planted).unwrap();
    std::os::unix::fs::symlink(private.path(), &planted).unwrap();
    assert_eq!(server.run(&["backup"]).code, Some(1));
    assert_eq!(fs::read_dir(private.path()).unwrap().count(), 1, "only what was there");
    fs::remove_file(&planted).unwrap();
    let agent = server.data_dir().join("data/agentx.db");
    let mut bytes = fs::read(&agent).unwrap();
    bytes[..4096].fill(0);
    fs::write(&agent, bytes).unwrap();
    let recovered = server.run(&["db", "recover", "agentx"]);
    assert!(recovered.stdout.contains("  portagent db check --data-dir "), "{recovered:?}");
    assert_eq!(owned_by(1000), "");
    let stranger = server.data_dir().join("data/stranger.db");
    fs::write(&stranger, "").unwrap();
    let doctor = server.run(&["doctor"]);
    assert!(doctor.stdout.contains(&format!("{} does not belong", stranger.display())), "{}", doctor.stdout);
}

#[test]
fn old_ones_are_removed_after_a_good_new_one() {
    let server = Server::builder().env("BACKUP_RETENTION_DAYS", "7").start();
    let backups = server.data_dir().join("backups");
    fs::create_dir(&backups).unwrap();
    let earlier = "portagent-20200103-020000.tar.gz";
    fs::write(backups.join(earlier), "x").unwrap();
    let empty = backup(&server, &[]);
    assert_eq!(empty["removed"].as_array().unwrap().len(), 0, "there is no account in it: a directory by mistake?");
    fs::remove_file(backups.join(earlier)).unwrap();
    fs::remove_file(file_of(&empty)).unwrap();
    register(&server, "ann");
    let old = "portagent-20200101-020000.tar.gz";
    for name in [old, "portagent-20200102-020000.tar.gz.age", "backup-20200101_020000.tar.gz", "notes.txt"] {
        fs::write(backups.join(name), "x").unwrap();
    }
    backup(&server, &["--out", "elsewhere"]);
    assert!(backups.join(old).exists(), "a backup that goes somewhere else removes nothing");
    let made = backup(&server, &[]);
    assert_eq!(made["removed"].as_array().unwrap().len(), 2);
    let left = names(&backups);
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[..2], ["backup-20200101_020000.tar.gz", "notes.txt"]);
}
