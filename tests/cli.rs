//! The command line as people and scripts see it.

use std::process::{Command, Stdio};

use crate::support::server::Server;
use crate::support::{program, run, run_with_input};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn version_and_help() {
    let home = tempfile::tempdir().unwrap();
    let version = format!("portagent {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["--version"][..], &["version"], &["-V"], &["user", "list", "--version"]] {
        let run = run(home.path(), arguments);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), version.as_str(), ""));
    }
    let help = run(home.path(), &["help"]).stdout;
    for word in ["Usage: portagent", "user disable NAME", "--data-dir", "LOGIN_FAILURES_PER_5MIN", "Examples:"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(run(home.path(), &["--help"]).stdout, help);
    for line in help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty()) {
        let Some(signature) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else { continue };
        let words = signature
            .split(' ')
            .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()));
        let name: Vec<&str> = words.collect();
        let run = run(home.path(), &[&name[..], &["--help"]].concat());
        assert_eq!(run.code, Some(0), "{name:?}");
        assert!(run.stdout.contains("Examples:") && run.stdout.contains(&name.join(" ")), "{name:?}: {}", run.stdout);
    }
}

#[test]
fn a_wrong_usage_is_two_lines_and_exit_2() {
    let home = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], expected: &str| {
        let run = run(home.path(), arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert_eq!(run.stderr, expected, "{arguments:?}");
    };
    check(&["confgi"], "error: unknown command `confgi`\nhint:  did you mean `config`?\n");
    check(&["--prot=1"], "error: unknown option `--prot`\nhint:  did you mean `--port`?\n");
    check(
        &["-p", "99999"],
        "error: PORT=99999 (from --port): not a port\nhint:  a port is a number from 1 to 65535; the usual one is 5200\n",
    );
    check(
        &["-e", "none.env", "config"],
        "error: cannot read env file none.env: no such file\nhint:  give the path of an existing file to --env-file\n",
    );
    std::fs::write(home.path().join(".env"), "PORT=1\nsk-ant-oops\n").unwrap();
    check(
        &["config"],
        "error: ./.env:2: there is no = in this line\nhint:  a line is KEY=VALUE, or a comment that begins with #\n",
    );
}

#[test]
fn config_shows_what_counts_and_no_secret() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".env"), "HOST=::1\nJWT_SECRET=0123456789abcdef0123456789abcdef\n").unwrap();
    let output = program(home.path())
        .env("LLM_PROVIDER_KEY", "sk-ant-topsecret")
        .args(["--port", "8080", "config", "--json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("topsecret") && !text.contains("0123456789abcdef"), "{text}");
    let value = json(&text);
    let setting = |name: &str| {
        let one = value["settings"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        (one["value"].as_str().unwrap().to_owned(), one["from"].as_str().unwrap().to_owned())
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(setting("PORT"), pair("8080", "--port"));
    assert_eq!(setting("HOST"), pair("::1", "./.env:1"));
    assert_eq!(setting("LLM_PROVIDER_KEY"), pair("set", "environment"));
    assert_eq!(setting("JWT_SECRET"), pair("set", "./.env:2"));
    assert_eq!(setting("AGENTX_DIR"), pair(home.path().join(".agentx").to_str().unwrap(), "default"));
    assert_eq!(value["envFiles"], serde_json::json!(["./.env"]));
}

#[test]
fn a_flag_with_a_secret_warns() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), &["--api-key", "sk-ant-topsecret", "config"]);
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("warning: --api-key is visible"), "{}", run.stdout);
    assert!(!run.stdout.contains("topsecret"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.arg("help").stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn healthcheck_asks_the_server() {
    let mut server = Server::start();
    let port = server.port().to_string();
    let healthy = server.run(&["healthcheck", "--port", &port]);
    assert_eq!((healthy.code, healthy.stdout.as_str(), healthy.stderr.as_str()), (Some(0), "ok\n", ""));
    assert!(server.terminate().success());
    let gone = server.run(&["healthcheck", "--port", &port]);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(1), ""));
    assert!(
        gone.stderr.starts_with(&format!("error: no server answers on 127.0.0.1 port {port}: ")),
        "{}",
        gone.stderr
    );
    let refuses = refusing_server();
    let unwell = server.run(&["healthcheck", "-p", &refuses.to_string()]);
    assert_eq!(unwell.code, Some(1));
    assert!(unwell.stderr.contains("is not well: 503 {\"status\":\"error\"}"), "{}", unwell.stderr);
}

#[test]
fn healthcheck_does_not_print_the_page_of_another_server() {
    let home = tempfile::tempdir().unwrap();
    for page in ["HTTP/1.1 404 Not Found\r\n\r\n<html>a long page</html>", "HTTP/1.1 200 OK\r\n\r\n<html>hello</html>"]
    {
        let port = answering_server(page).to_string();
        let asked = run(home.path(), &["healthcheck", "-p", &port, "-q"]);
        let status = &page[9..12];
        let expected = format!("error: what answers on 127.0.0.1 port {port} is not portagent ({status})\n");
        assert_eq!((asked.code, asked.stdout.as_str()), (Some(1), ""));
        assert!(asked.stderr.starts_with(&expected), "{}", asked.stderr);
    }
}

#[test]
fn errors_are_json_for_programs() {
    let home = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], exit: i32, code: &str, error: &str| {
        let run = run(home.path(), arguments);
        let found = json(&run.stderr);
        assert_eq!((run.code, found["code"].as_str()), (Some(exit), Some(code)), "{arguments:?}");
        assert!(found["error"].as_str().unwrap().starts_with(error) && found["hint"].is_string(), "{found}");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    };
    check(&["user", "list", "-d", "none", "--json"], 1, "no_data", "there is no data in ");
    check(&["confgi", "--json"], 2, "usage", "unknown command `confgi`");
    check(&["config", "--json", "-p", "x"], 2, "bad_setting", "PORT=x (from --port): not a port");
    let several = run(home.path(), &["config", "--json", "-p", "x", "--provider", "y"]);
    let also = json(&several.stderr)["also"][0]["error"].take();
    assert_eq!(also, "LLM_PROVIDER=y (from --provider): not a provider", "{}", several.stderr);
    let text = run(home.path(), &["config", "-p", "x", "--provider", "y"]).stderr;
    assert_eq!(text.matches("error: ").count(), 2, "{text}");
}

/// A cron job: nothing is said, unless something is wrong.
#[test]
fn quiet_says_nothing_when_all_is_well() {
    let home = tempfile::tempdir().unwrap();
    let quiet = |arguments: &[&str], code: i32| {
        let run = run(home.path(), &[arguments, &["-d", "data", "--quiet"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", run.stderr);
        run.stderr
    };
    // A backup warns where it does not know the key.
    let settings = home.path().join(".env");
    std::fs::write(&settings, "JWT_SECRET=0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&settings, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(quiet(&["backup"], 1).starts_with("error: there is no database "));
    assert!(quiet(&["user", "list"], 2).contains("`user list` has no --quiet"));
    assert_eq!(run(home.path(), &["user", "add", "lin", "--generate", "-d", "data"]).code, Some(0));
    for command in [&["backup"][..], &["backup", "verify", "latest"], &["db", "check"], &["user", "disable", "lin"]] {
        let expected = if command[0] == "user" { 1 } else { 0 }; // lin is the last administrator
        let said = quiet(command, expected);
        assert_eq!(said.is_empty(), expected == 0, "{command:?}: {said}");
    }
    std::fs::remove_dir_all(home.path().join("data/backups")).unwrap();
    let none = quiet(&["backup", "verify", "latest"], 1);
    assert!(none.starts_with("error: there is no backup in "), "{none}");
}

#[test]
fn completion_offers_what_comes_next() {
    let home = tempfile::tempdir().unwrap();
    let script = run(home.path(), &["completion", "bash"]);
    assert_eq!(script.code, Some(0), "{}", script.stderr);
    let offers = |words: &[&str]| {
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let ask = format!("COMP_WORDS=({line}); COMP_CWORD={}; _portagent; echo ${{COMPREPLY[@]}}", words.len() - 1);
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c"]).arg(format!("{}{ask}", script.stdout));
        run_with_input(bash, "").stdout.trim().to_owned()
    };
    assert_eq!(offers(&["portagent", "use"]), "user");
    assert_eq!(offers(&["portagent", "-d", "/x", "user", "pa"]), "passwd");
    assert_eq!(offers(&["portagent", "backup", "--enc"]), "--encrypt-to");
    assert_eq!(offers(&["portagent", "serve", "--por"]), "--port");
    assert_eq!(offers(&["portagent", "completion", ""]), "bash zsh fish");
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = run(home.path(), &["completion", shell]).stdout;
        assert!(script.len() > 2000, "{shell}");
        if Command::new(shell).arg("--version").stdout(Stdio::null()).status().is_ok() {
            let file = home.path().join(shell);
            std::fs::write(&file, script).unwrap();
            assert!(Command::new(shell).arg(check).arg(file).status().unwrap().success(), "{shell}");
        }
    }
    assert_eq!(run(home.path(), &["completion", "tcsh"]).code, Some(2));
    let man = run(home.path(), &["man"]).stdout;
    assert!(man.starts_with(".TH PORTAGENT 1") && man.contains(".SS user disable NAME"), "{man}");
}

/// Answers one request with 503.
fn refusing_server() -> u16 {
    answering_server("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"error\"}")
}

fn answering_server(answer: &'static str) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    port
}

#[test]
fn the_server_says_what_it_uses_and_where_it_is() {
    let mut server =
        Server::builder().env("LLM_PROVIDER_KEY", "sk-ant-topsecret").arg("--invite-code-required").start();
    let (pid, port) = (server.pid(), server.port());
    assert!(server.rss_kib() > 0);
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.port(), port);
    assert_eq!(server.http().get("/health", None).json()["status"], "ok");
    assert!(server.terminate().success());
    let printed = server.stdout();
    for words in ["INVITE_CODE_REQUIRED=true", "LLM_PROVIDER_KEY=set", &format!("listening on http://127.0.0.1:{port}")]
    {
        assert!(printed.contains(words), "{words}");
    }
    assert!(!printed.contains("topsecret") && !server.stderr().contains("topsecret"));
    assert!(printed.contains(&format!("open http://localhost:{port}")), "the second start knows its port");
}

#[test]
fn passwords_come_from_nowhere_else() {
    let home = tempfile::tempdir().unwrap();
    let add = |arguments: &[&str]| -> Command {
        let mut command = program(home.path());
        command.args(["user", "add", "lin"]).args(arguments);
        command
    };
    let missing = run_with_input(add(&[]), "");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("hint:  use --password-stdin or --generate"), "{}", missing.stderr);
    let both = run_with_input(add(&["--generate", "--password-stdin"]), "secret1\n");
    assert_eq!(both.code, Some(2));
    let short = run_with_input(add(&["--password-stdin"]), "short\r\nsecret1\n");
    assert_eq!((short.code, short.stderr.as_str()), (Some(2), "error: Password must be at least 6 characters\n"));
    assert_eq!(run(home.path(), &["user", "add", "lin", "--password", "secret1"]).code, Some(2));
}
