//! Alerts without Prometheus, and the manual's own script.

mod hook;
mod manual;

use std::process::Command;

use hook::Hook;
use serde_json::Value;

use crate::support::disk::Tmpfs;
use crate::support::eventually;
use crate::support::server::{Builder, Server};

fn quick() -> Builder {
    Server::builder().env("ALERT_EVERY_SECONDS", "1").env("ALERT_NAME", "at home")
}

fn integrity(server: &Server, problem: &str) {
    let file = server.data_dir().join("data/portagent.db");
    let statement = format!(
        "INSERT OR REPLACE INTO jobs (name, lastEndedAt, lastOkAt, lastError) VALUES ('integrity', unixepoch() * 1000, \
         unixepoch() * 1000, {problem})"
    );
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(file).arg(statement).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_webhook_hears_when_it_begins_and_when_it_is_over() {
    let hook = Hook::start(&[500]);
    let mut server = quick().env("ALERT_WEBHOOK_URL", &hook.url()).start();
    integrity(&server, "'row 7 missing from index'");
    let firing = hook.wait_for("integrity", "firing");
    assert_eq!((firing["severity"].as_str(), firing["instance"].as_str()), (Some("critical"), Some("at home")));
    assert!(firing["summary"].as_str().unwrap().contains("integrity check failed"), "{firing}");
    assert!(firing["startsAt"].as_str().unwrap().ends_with('Z') && firing["endsAt"].is_null());
    eventually("what was refused is sent again", || hook.got().len() >= 2);
    assert_eq!(hook.got()[1], firing, "the same once more, and nothing else meanwhile");
    integrity(&server, "NULL");
    let over = hook.wait_for("integrity", "resolved");
    assert_eq!(over["startsAt"], firing["startsAt"]);
    assert!(over["endsAt"].is_string());
    assert_eq!(hook.got().len(), 3);
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(
        log.contains(" WARN  alerts the webhook did not accept integrity: it answered 500; trying again in 2 s"),
        "{log}"
    );
    assert!(log.contains(" INFO  alerts over: integrity"), "{log}");
    let config = server.run(&["config"]).stdout;
    for text in [&log, &server.stdout(), &server.stderr(), &config] {
        assert!(!text.contains("s3cret"), "the address is a secret: {text}");
    }
    assert!(server.terminate().success());
}

#[test]
fn a_webhook_that_hangs_keeps_nothing_waiting() {
    let hook = Hook::start(&[0, 0, 0, 0]);
    let mut server = quick().env("ALERT_WEBHOOK_URL", &hook.url()).env("ALERT_COMMAND", "touch told").start();
    integrity(&server, "'damaged'");
    hook.wait_for("integrity", "firing");
    let told = server.data_dir().parent().unwrap().join("told");
    eventually("the command runs all the same", || told.exists());
    assert_eq!(server.http().get("/health", None).status, 200);
    let began = std::time::Instant::now();
    assert!(server.terminate().success());
    assert!(began.elapsed() < std::time::Duration::from_secs(7), "the stop took {:?}", began.elapsed());
}

#[test]
fn a_command_gets_the_alert_and_no_secrets() {
    let server = quick()
        .env("ALERT_COMMAND", "env | grep -v ^PWD= | sort > told.new && mv told.new told-$PORTAGENT_ALERT_STATUS")
        .env("METRICS_TOKEN", "s3cret-token")
        .env("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/s3cret-path")
        .start();
    integrity(&server, "'damaged'");
    let told = server.data_dir().parent().unwrap().join("told-firing");
    eventually("it is told", || told.exists());
    let environment = std::fs::read_to_string(told).unwrap();
    for line in [
        "PORTAGENT_ALERT_NAME=integrity",
        "PORTAGENT_ALERT_STATUS=firing",
        "PORTAGENT_ALERT_SEVERITY=critical",
        "PORTAGENT_ALERT_INSTANCE=at home",
    ] {
        assert!(environment.lines().any(|found| found == line), "{line} in {environment}");
    }
    assert!(environment.contains("PATH=") && !environment.contains("s3cret"), "{environment}");
}

#[test]
fn a_test_says_of_each_way_whether_it_works() {
    let home = tempfile::tempdir().unwrap();
    let hook = Hook::start(&[204, 404]);
    let test = |settings: &[(&str, &str)], arguments: &[&str]| -> crate::support::Run {
        let mut command = crate::support::program(home.path());
        command.envs(settings.iter().copied()).args(["alert", "test"]).args(arguments).output().unwrap().into()
    };
    let none = test(&[], &[]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("hint:  set ALERT_WEBHOOK_URL, ALERT_COMMAND or both"), "{}", none.stderr);
    let url = hook.url();
    let fine = test(&[("ALERT_WEBHOOK_URL", &url), ("ALERT_COMMAND", "true")], &[]);
    assert_eq!((fine.code, fine.stdout.as_str()), (Some(0), "webhook   ok\ncommand   ok\n"), "{}", fine.stderr);
    assert_eq!((hook.got()[0]["alert"].as_str(), hook.got()[0]["severity"].as_str()), (Some("test"), Some("info")));
    let bad = test(&[("ALERT_WEBHOOK_URL", &url), ("ALERT_COMMAND", "exit 7")], &["--json"]);
    let said: Value = serde_json::from_str(&bad.stdout).unwrap();
    assert_eq!((bad.code, &said[0]["problem"], &said[0]["ok"]), (Some(1), &"it answered 404".into(), &false.into()));
    assert_eq!(said[1]["problem"], "it ended with exit status: 7");
    let unreachable = test(&[("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/s3cret")], &[]);
    assert_eq!((unreachable.code, unreachable.stdout.as_str()), (Some(1), "webhook   nothing listens there\n"));
    let wrong = test(&[("ALERT_WEBHOOK_URL", "ftp://s3cret")], &[]);
    assert_eq!(wrong.code, Some(2));
    assert!(!wrong.stderr.contains("s3cret") && !unreachable.stderr.contains("s3cret"), "{}", wrong.stderr);
}

#[test]
fn a_database_that_does_not_answer_is_told_after_three_looks() {
    let hook = Hook::start(&[]);
    let server = quick().env("ALERT_WEBHOOK_URL", &hook.url()).start();
    let file = server.data_dir().join("data/agentx.db");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    std::fs::write(&file, "no database").unwrap();
    let firing = hook.wait_for("health", "firing");
    assert!(firing["summary"].as_str().unwrap().contains("agentx.db"), "{firing}");
    std::fs::rename(&aside, &file).unwrap();
    hook.wait_for("health", "resolved");
}

#[test]
fn a_disk_that_fills_up_is_told_and_so_is_room_again() {
    let home = tempfile::tempdir().unwrap();
    let Some(_disk) = Tmpfs::mount(&home.path().join("agentx"), "64m") else { return };
    let hook = Hook::start(&[]);
    let server = quick().env("ALERT_WEBHOOK_URL", &hook.url()).start_in(home);
    let ballast = server.data_dir().join("ballast");
    std::fs::write(&ballast, vec![0; 60 << 20]).unwrap();
    let firing = hook.wait_for("disk", "firing");
    assert!(firing["value"].as_f64().unwrap() > 90.0 && firing["threshold"] == 90.0, "{firing}");
    assert!(firing["text"].as_str().unwrap().starts_with("[firing] at home: 9"), "{firing}");
    std::fs::remove_file(&ballast).unwrap();
    hook.wait_for("disk", "resolved");
    assert_eq!(hook.got().iter().filter(|one| one["alert"] == "disk").count(), 2, "each was said once");
}
