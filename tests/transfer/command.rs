//! `portagent user import`: beside a running server, and a lot of it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::import::chatgpt;
use crate::support::Run;
use crate::support::chat::register;
use crate::support::people::sqlite3;
use crate::support::server::Server;

/// Conversations of the large import; `make import` has 20,000.
const USUAL: usize = 2_000;
/// What the program may hold, in KiB: its threads' stacks, the databases' caches, and what it imports.
const DATA_KIB: u32 = 96 * 1024;

fn many() -> usize {
    std::env::var("IMPORT_CONVERSATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL)
}

/// An export with so many conversations.
fn write_export(path: &Path, count: usize) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    for number in 0..count {
        let separator = if number == 0 { "[" } else { "," };
        write!(out, "{separator}{}", chatgpt(&format!("id-{number}"), &format!("Chat {number} 深"))).unwrap();
    }
    out.write_all(b"]").unwrap();
}

/// Runs a command of this server's within so much memory.
fn within(server: &Server, kib: u32, arguments: &[&str]) -> Run {
    let command = server.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -d {kib}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().unwrap().into()
}

#[test]
fn a_large_import_takes_bounded_memory() {
    let server = Server::start();
    register(&server, "alice");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("conversations.json");
    let count = many();
    write_export(&file, count);
    let import = |expected: [usize; 2]| {
        let run = within(&server, DATA_KIB, &["user", "import", "alice", file.to_str().unwrap(), "--json"]);
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let counts = ["imported", "alreadyHere"].map(|name| report[name].as_u64().unwrap() as usize);
        assert_eq!((counts, &report["stopped"]), (expected, &Value::Null), "{report}");
    };
    import([count, 0]);
    import([0, count]);
    let agent = server.data_dir().join("data/agentx.db");
    let stored =
        sqlite3(&agent, "SELECT count(*) FROM images; SELECT count(*) FROM messages; SELECT count(*) FROM turns");
    assert_eq!(stored, format!("{count}\n{}\n{}", count * 3, count * 2));
    let check: Value = serde_json::from_str(&server.run(&["db", "check", "--json"]).stdout).unwrap();
    assert_eq!(check["status"], "ok", "{check}");
    assert_eq!(server.http().get("/health", None).status, 200);
}

#[test]
fn it_says_what_it_did_and_why_it_ended() {
    let server = Server::builder().env("STORAGE_PER_USER_MB", "1").start();
    register(&server, "alice");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("conversations.json");
    let run = |file: &Path| server.run(&["user", "import", "alice", file.to_str().unwrap()]);
    write_export(&file, 10);
    let first = run(&file);
    let expected = "alice: 10 conversations with 30 messages and 0 files were imported\n";
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), expected), "{}", first.stderr);
    write_export(&file, 1_000);
    let full = run(&file);
    assert_eq!(full.code, Some(1), "{}", full.stdout);
    assert!(full.stdout.contains("10 are there already") && full.stderr.contains("storage is full"), "{full:?}");
    std::fs::write(&file, "hello").unwrap();
    let none = run(&file);
    assert!(none.code == Some(2) && none.stderr.contains("This is no export"), "{none:?}");
    let missing = run(&home.path().join("missing.json"));
    assert!(missing.code == Some(1) && missing.stderr.contains("cannot read"), "{missing:?}");
    let unknown = server.run(&["user", "import", "nobody", file.to_str().unwrap()]);
    assert_eq!(unknown.code, Some(1));
}
