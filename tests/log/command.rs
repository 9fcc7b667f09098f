//! `portagent logs`: which lines it shows, from which files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::people::register;
use crate::support::server::Server;
use crate::support::{Run, eventually, program, run};

/// A log of three files, 300 lines, one every second from 2026-11-22T10:00:00Z on.
fn history(home: &Path) -> PathBuf {
    let log = home.join("agentx/logs/portagent.log");
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    for (file, suffix) in [".2", ".1", ""].iter().enumerate() {
        let line = |n: usize| {
            let (level, text) = match n {
                n if n % 50 == 7 => ("ERROR", "the disk is full"),
                n if n % 10 == 3 => ("WARN ", "slow"),
                n if n % 10 == 4 => ("DEBUG", "details"),
                _ => ("INFO ", "POST /api/auth/login 200 12ms ip=::1"),
            };
            format!("2026-11-22T10:{:02}:{:02}.000Z {level} http {text} req={n}\n", n / 60, n % 60)
        };
        let text: String = (file * 100..file * 100 + 100).map(line).collect();
        fs::write(format!("{}{suffix}", log.display()), text).unwrap();
    }
    log
}

fn logs(home: &Path, arguments: &[&str]) -> Run {
    let run = run(home, &[&["logs", "-d", "agentx"], arguments].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    run
}

fn numbers(text: &str) -> Vec<usize> {
    text.lines().map(|line| line.rsplit_once("req=").unwrap().1.parse().unwrap()).collect()
}

#[test]
fn the_last_lines_across_rotated_files() {
    let home = tempfile::tempdir().unwrap();
    history(home.path());
    let check = |arguments: &[&str], expected: Vec<usize>| {
        assert_eq!(numbers(&logs(home.path(), arguments).stdout), expected, "{arguments:?}");
    };
    check(&[], (200..300).collect());
    check(&["-n", "3"], vec![297, 298, 299]);
    check(&["-n0"], vec![]);
    check(&["--lines", "150"], (150..300).collect());
    check(&["-n", "all"], (0..300).collect());
    check(&["-n", "9999999999"], (0..300).collect());
    check(&["--level", "error"], vec![7, 57, 107, 157, 207, 257]);
    check(&["--level", "error", "-n", "2"], vec![207, 257]);
    check(&["--level", "WARN", "-n", "3"], vec![273, 283, 293]);
    check(&["--since", "2026-11-22T10:04:55Z"], (295..300).collect());
    check(&["--since", "2026-11-22 10:03"], (180..300).collect());
    check(&["--since", "2026-11-22"], (0..300).collect());
    check(&["--since", "2026-11-23"], vec![]);
    check(&["--grep", "DISK is", "--since", "2026-11-22 10:03"], vec![207, 257]);
    check(&["--grep", "nothing like it"], vec![]);
}

#[test]
fn a_line_for_a_program() {
    let home = tempfile::tempdir().unwrap();
    history(home.path());
    let run = logs(home.path(), &["--json", "-n1", "--level", "error"]);
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = serde_json::json!({
        "time": "2026-11-22T10:04:17.000Z", "level": "error", "target": "http", "message": "the disk is full req=257"
    });
    assert_eq!(value, expected);
}

#[test]
fn what_other_programs_left_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let log = history(home.path());
    fs::write(
        &log,
        [&b"\x1b]0;evil\x07"[..], &[b'x'; 200_000], b"\n\xff\xfe\n2026-11-22T11:00:00.000Z INFO  http half"].concat(),
    )
    .unwrap();
    let text = logs(home.path(), &["-n", "2"]).stdout;
    assert!(!text.contains('\u{1b}'), "nothing plays with the terminal");
    assert!(text.ends_with("2026-11-22T11:00:00.000Z INFO  http half\n"), "{text}");
    assert_eq!(logs(home.path(), &["-n", "1", "--level", "info"]).stdout.lines().count(), 1);
    assert_eq!(logs(home.path(), &["-n", "all"]).stdout.matches('x').count(), 200_000);
}

#[test]
fn a_closed_pipe_ends_it_and_mistakes_are_explained() {
    let home = tempfile::tempdir().unwrap();
    history(home.path());
    for follow in [&[][..], &["-f"]] {
        let mut command = program(home.path());
        command.args(["logs", "-d", "agentx", "-n", "all"]).args(follow).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let head = Command::new("head").arg("-1").stdin(child.stdout.take().unwrap()).output().unwrap();
        assert!(String::from_utf8(head.stdout).unwrap().contains("req=0"));
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    }
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let run = run(home.path(), &[&["logs"], arguments].concat());
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(code), "", expected));
    };
    check(&["-n", "x"], 2, "error: --lines x: not a number\nhint:  such as -n 100, or -n all\n");
    check(&["--level", "loud"], 2, "error: --level loud: not a log level\nhint:  choose debug, info, warn or error\n");
    check(
        &["--since", "soon"],
        2,
        "error: --since soon: not a time\nhint:  such as 30m, 1h, 2d, today, 2026-11-24 or 2026-11-24T10:00:00Z\n",
    );
    let missing = home.path().join("none/logs/portagent.log");
    check(
        &["-d", "none"],
        1,
        &format!(
            "error: there is no log at {}\nhint:  name the server's data directory with --data-dir, or its env file with --env-file\n",
            missing.display()
        ),
    );
}

#[test]
fn the_lines_about_one_person() {
    let server = Server::start();
    let (ann, bob) = (register(&server, "ann"), register(&server, "bob"));
    server.http().get("/api/auth/verify", Some(&ann));
    server.http().get("/api/auth/verify", Some(&bob));
    let of = |name: &str| server.run(&["logs", "-n", "all", "--user", name, "--grep", "/api/auth/verify"]);
    eventually("the line", || of("ann").stdout.lines().count() == 1);
    eventually("the line", || of("bob").stdout.lines().count() == 1);
    let id = |text: &str| text.split_once("user=").unwrap().1[..36].to_owned();
    let (anns, bobs) = (id(&of("ann").stdout), id(&of("bob").stdout));
    assert_ne!(anns, bobs);
    assert_eq!(server.run(&["user", "delete", "bob", "--yes"]).code, Some(0));
    let unknown = of("bob");
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""), "{}", unknown.stderr);
    assert_eq!(of(&bobs).stdout.lines().count(), 1, "the log remembers longer");
}
