//! The unit in systemd's own eyes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, run};

/// As systemd-analyze(1) counts it: 0 is best, 10 is worst. What is left is the network, which we need.
const EXPOSURE_MOST: f64 = 2.0;

fn unit(directory: &Path, arguments: &[&str], name: &str) -> PathBuf {
    let printed = run(directory, &[&["service", "print", "--force"], arguments].concat());
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.contains(&format!("ExecStart={} serve", env!("CARGO_BIN_EXE_portagent"))));
    let path = directory.join(name);
    std::fs::write(&path, printed.stdout).unwrap();
    path
}

fn analyze(directory: &Path, arguments: &[&str], unit: &Path) -> Run {
    let mut command = Command::new("systemd-analyze");
    // A user's manager keeps its files in a directory that a login makes.
    command.env("XDG_RUNTIME_DIR", directory).args(arguments).arg(unit).output().unwrap().into()
}

#[test]
fn systemd_understands_every_line_of_both_units() {
    let home = tempfile::tempdir().unwrap();
    for (manager, arguments, name) in [("--system", &[][..], "portagent.service"), ("--user", &["--user"], "u.service")]
    {
        let path = unit(home.path(), arguments, name);
        let verified = analyze(home.path(), &[manager, "verify"], &path);
        let about_ours: Vec<&str> = verified.stderr.lines().filter(|line| line.contains(name)).collect();
        assert_eq!((verified.code, about_ours), (Some(0), vec![]), "{}", verified.stderr);
    }
    let path = unit(home.path(), &[], "broken.service");
    let text = std::fs::read_to_string(&path).unwrap().replace("ProtectSystem=", "ProtektSystem=");
    std::fs::write(&path, text).unwrap();
    let broken = analyze(home.path(), &["--system", "verify"], &path);
    assert!(broken.stderr.contains("ProtektSystem"), "the check finds a mistake: {}", broken.stderr);
}

#[test]
fn the_machine_s_unit_is_hardened() {
    let home = tempfile::tempdir().unwrap();
    let path = unit(home.path(), &[], "portagent.service");
    let run = analyze(home.path(), &["security", "--offline=true", "--no-pager"], &path);
    let (_, rest) = run.stdout.split_once("Overall exposure level for portagent.service: ").expect(&run.stdout);
    let exposure: f64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(exposure <= EXPOSURE_MOST, "{}", run.stdout);
}

/// systemd counts an operator's restarts, too, and after five within ten seconds, or what the unit says, it starts no more.
#[test]
fn no_number_of_restarts_leaves_the_server_down() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, name) in [(&[][..], "portagent.service"), (&["--user"], "u.service")] {
        let text = std::fs::read_to_string(unit(home.path(), arguments, name)).unwrap();
        let section = text.split_once("[Unit]\n").unwrap().1.split("\n[").next().unwrap();
        let limits: Vec<&str> = section.lines().filter(|line| line.starts_with("StartLimit")).collect();
        assert_eq!(
            limits,
            ["StartLimitIntervalSec=0"],
            "{name}: without a limit, in the section where systemd reads it"
        );
    }
}
