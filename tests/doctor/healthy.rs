//! A healthy installation, behind a real nginx and a real Caddy, with TLS.

use super::models::Models;
use super::proxy::Proxy;
use super::{builder, doctor, noted};

#[test]
fn a_healthy_server_passes_every_check() {
    let models = Models::start();
    let nginx = Proxy::new();
    let server = builder(&models).env("PUBLIC_URL", &nginx.url()).start();
    nginx.start(&server, "");
    noted(&server, "backup", 1, None);
    noted(&server, "integrity", 24, None);
    let report = doctor(&server, &["--ca", nginx.certificate()]);
    println!("{:#}", report.value);
    assert_eq!(
        (report.code, report.with("fail"), report.with("warn")),
        (Some(0), vec![], vec![]),
        "{:#}",
        report.value
    );
    assert_eq!(report.with("skip"), ["administrator", "public redirect"], "no account yet, and a port of its own");
    for name in
        ["configuration", "lock", "agentx.db", "port", "backup", "upstream", "model", "clock", "public websocket"]
    {
        assert!(report.with("pass").contains(&name), "{name}");
    }
    assert_eq!(report.value["verdict"], "pass");
}

#[test]
fn behind_caddy_as_it_comes() {
    let models = Models::start();
    let caddy = Proxy::new();
    let server = builder(&models).env("PUBLIC_URL", &caddy.url()).start();
    caddy.start_caddy(&server);
    noted(&server, "backup", 1, None);
    let report = doctor(&server, &["--ca", caddy.certificate()]);
    assert_eq!(
        (report.code, report.with("fail"), report.with("warn")),
        (Some(0), vec![], vec![]),
        "{:#}",
        report.value
    );
}

#[test]
fn beside_a_stopped_server_and_before_the_first_start() {
    let models = Models::start();
    let mut server = builder(&models).start();
    noted(&server, "backup", 1, None);
    server.terminate();
    let before: Vec<_> = names(&server);
    let report = doctor(&server, &[]);
    assert_eq!((report.code, report.with("warn")), (Some(0), vec![]), "{:#}", report.value);
    assert_eq!(names(&server), before, "it leaves nothing behind");
    std::fs::remove_dir_all(server.data_dir()).unwrap();
    let report = doctor(&server, &[]);
    assert_eq!((report.code, report.with("warn")), (Some(0), vec!["data directory", "backup"]), "{:#}", report.value);
    assert!(!server.data_dir().exists(), "looking makes nothing");
}

fn names(server: &crate::support::server::Server) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = ["", "data", "logs"]
        .iter()
        .flat_map(|below| std::fs::read_dir(server.data_dir().join(below)).unwrap())
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn people_get_a_line_for_each_check() {
    let models = Models::start();
    let server = builder(&models).start();
    let run = server.run(&["doctor"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.contains("\nwarn  backup"), "{}", run.stdout);
    assert!(run.stdout.lines().any(|line| line.trim_start().starts_with("→ `portagent backup`")), "{}", run.stdout);
    for line in run.stdout.lines() {
        let known = ["pass  ", "warn  ", "skip  ", "      "].iter().any(|start| line.starts_with(start));
        assert!(known && !line.contains("topsecret"), "{line}");
    }
}
