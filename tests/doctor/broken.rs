//! Broken installations, one fault each.

use std::fs::{self, OpenOptions, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use super::models::{Manner, Models};
use super::{Report, builder, doctor, noted};
use crate::support::disk::Tmpfs;
use crate::support::people::{register, sqlite3};
use crate::support::run;
use crate::support::server::Server;

/// A server with some data, which has been stopped.
fn stopped(models: &Models) -> Server {
    let mut server = builder(models).start();
    register(&server, "ann");
    server.terminate();
    server
}

fn chmod(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_model_s_server() {
    let models = Models::start();
    let server = builder(&models).start();
    models.behave(Manner::RefusesTheKey);
    doctor(&server, &[]).names("upstream", "refuses our key");
    models.behave(Manner::KnowsOtherModels);
    doctor(&server, &[]).names("model", "does not know claude-test-1");
    for (seconds, words) in [(-4000, "ahead of the clock of the model's server"), (90_000, "behind the clock")] {
        models.behave(Manner::OtherTime(seconds));
        doctor(&server, &[]).names("clock", words);
    }
    models.behave(Manner::OtherTime(-60));
    let report = doctor(&server, &[]);
    assert!(report.code == Some(0) && report.with("warn").contains(&"clock"), "{:#}", report.value);
    doctor(&server, &["--api-url", "http://127.0.0.1:1"]).names("upstream", "nothing listens there");
    doctor(&server, &["--api-url", "https://nowhere.invalid"]).names("upstream", "name");
    doctor(&server, &["--api-url", &models.url().replace("http:", "https:")]).names("upstream", "a secure connection");
}

#[test]
fn a_proxy_that_does_not_answer() {
    let models = Models::start();
    // No test can listen on this port, and the name behind the proxy is not looked up.
    let server = builder(&models)
        .env("LLM_PROVIDER_URL", "https://models.invalid")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .start();
    doctor(&server, &[]).names("upstream", "the proxy of HTTPS_PROXY does not answer");
}

#[test]
fn a_disk_that_is_nearly_full() {
    let models = Models::start();
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(&home.path().join("agentx"), "24m") else { return };
    let server = builder(&models).start_in(home);
    doctor(&server, &[]).names("disk", "nearly full: ");
    disk.resize("1g");
    assert_eq!(doctor(&server, &[]).code, Some(0));
    drop(server);
}

#[test]
fn a_damaged_database_and_one_of_a_newer_program() {
    let models = Models::start();
    let server = stopped(&models);
    let agent = server.data_dir().join("data/agentx.db");
    let own = sqlite3(&agent, "PRAGMA user_version;");
    sqlite3(&agent, "PRAGMA user_version = 99;");
    doctor(&server, &[]).names("agentx.db", "was written by schema 99, this program knows ");
    let accounts = server.data_dir().join("data/portagent.db");
    sqlite3(&agent, &format!("PRAGMA user_version = {own};"));
    let good = fs::read(&accounts).unwrap();
    OpenOptions::new().write(true).open(&accounts).unwrap().write_all_at(&[0xa5; 8192], 4096).unwrap();
    doctor(&server, &[]).names("portagent.db", "is damaged: ");
    fs::write(&accounts, "not a database, although it has some length to it").unwrap();
    doctor(&server, &[]).names("portagent.db", "is damaged: ");
    fs::write(&accounts, good).unwrap();
    assert_eq!(doctor(&server, &[]).with("fail"), Vec::<&str>::new());
}

#[test]
fn a_port_that_is_taken() {
    let models = Models::start();
    let server = stopped(&models);
    doctor(&server, &["--port", &models.port().to_string()]).names("port", "taken by another program");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    std::thread::spawn(move || silent.incoming().for_each(drop)); // closes at once
    doctor(&server, &["--port", &port.to_string()]).names("port", "taken by another program");
    let other = Server::start();
    let port = other.port().to_string();
    doctor(&server, &["--port", &port]).names("port", "a portagent with another data directory");
    let serving = builder(&models).start();
    doctor(&serving, &["--port", &models.port().to_string()]).names("port", "taken by another program");
}

#[test]
fn what_others_can_read() {
    let models = Models::start();
    let server = stopped(&models);
    chmod(&server.data_dir(), 0o755);
    doctor(&server, &[]).names("data directory", "(mode 755)");
    chmod(&server.data_dir(), 0o700);
    let file = server.data_dir().join("my.env");
    fs::write(&file, format!("METRICS=1\nJWT_SECRET={}\n", super::JWT_SECRET)).unwrap();
    chmod(&file, 0o644);
    let with_file = |server: &Server| {
        let mut command = server.command(&["doctor", "--json", "-e", file.to_str().unwrap()]);
        Report::of(command.env_remove("JWT_SECRET").output().unwrap().into())
    };
    with_file(&server).names("env file", "others on this machine can read the secrets in ");
    chmod(&file, 0o600);
    assert_eq!(with_file(&server).with("fail"), Vec::<&str>::new());
    let flag = doctor(&server, &["--api-key", super::KEY]);
    assert!(flag.with("warn").contains(&"configuration"), "a secret in the process list: {:#}", flag.value);
}

#[test]
fn backups_that_fail_or_are_old() {
    let models = Models::start();
    let server = builder(&models).start();
    noted(&server, "backup", 3, Some("the disk is full"));
    doctor(&server, &[]).names("backup", "the last backup failed: the disk is full; the last good one is 3 hours old");
    noted(&server, "backup", 30 * 24, None);
    doctor(&server, &[]).names("backup", "the last backup is 30 days old");
    noted(&server, "backup", 72, None);
    assert!(doctor(&server, &[]).with("warn").contains(&"backup"));
    noted(&server, "backup", 1, None);
    noted(&server, "integrity", 1, Some("agentx.db: row 7 missing from index"));
    doctor(&server, &[]).names("integrity", "row 7 missing from index");
}

#[test]
fn no_active_administrator() {
    let models = Models::start();
    let server = builder(&models).start();
    noted(&server, "backup", 1, None);
    crate::support::people::register(&server, "ann");
    crate::support::people::register(&server, "bob");
    assert_eq!(doctor(&server, &[]).with("fail"), Vec::<&str>::new());
    crate::support::people::sql(&server, "UPDATE users SET isActive = 0 WHERE role = 'admin'");
    doctor(&server, &[]).names("administrator", "no active administrator");
}

/// The same facts are judged in one place, so the doctor and `/health/ready` cannot disagree about them.
#[test]
fn doctor_and_health_checks_agree_about_backups() {
    let models = Models::start();
    let server = builder(&models).env("BACKUP_SCHEDULE", "off").start();
    for days in [0, 3, 30] {
        noted(&server, "backup", days * 24, None);
        let report = doctor(&server, &[]);
        let found = report.checks().iter().find(|one| one["name"] == "backup").unwrap();
        assert_eq!(found["verdict"], "pass", "{found:#}");
        crate::support::eventually("the health check passes as well", || {
            let ready = server.http().get("/health/ready", None).json();
            ready["checks"].as_array().unwrap().iter().any(|one| one["name"] == "backup" && one["status"] == "pass")
        });
    }
    noted(&server, "backup", 3, Some("the disk is full"));
    doctor(&server, &[]).names("backup", "the last backup failed: the disk is full; the last good one is 3 hours old");
}

#[test]
fn a_log_that_cannot_be_written_and_one_with_errors() {
    let models = Models::start();
    let server = stopped(&models);
    let line = "2026-01-01T00:00:00.000Z ERROR store long ago\n";
    let now = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.000Z"]).output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    fs::write(server.log_file(), format!("{line}{} ERROR store just now\n", now.trim())).unwrap();
    let report = doctor(&server, &[]);
    let errors = report.checks().iter().find(|one| one["name"] == "recent errors").unwrap();
    assert_eq!((errors["verdict"].as_str(), errors["detail"].as_str()), (Some("warn"), Some("1 in the last 24 hours")));
    let logs = server.data_dir().join("logs");
    fs::remove_dir_all(&logs).unwrap();
    fs::write(&logs, "a file where the directory should be").unwrap();
    doctor(&server, &[]).names("log", "cannot be written");
}

#[test]
fn settings_that_are_wrong() {
    let home = tempfile::tempdir().unwrap();
    let report = Report::of(run(home.path(), &["doctor", "--json", "-p", "99999"]));
    report.names("configuration", "PORT=99999 (from --port): not a port");
    let bad = run(home.path(), &["doctor", "--url", "https://lin:topsecret@a.example"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.starts_with("error: --url: a URL must not carry credentials\n"), "{}", bad.stderr);
}
