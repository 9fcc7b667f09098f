//! The machine of which the manual speaks: a server behind a `docker` that is ours, people who chat, and a shell in which
//! its commands are run with nothing changed but where things are.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::support::chat::{self, PASSWORD, text_of};
use crate::support::http;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;
use crate::support::{Run, people};

pub struct Stage {
    home: TempDir,
    _upstream: Upstream,
}

impl Stage {
    /// A server that runs, and answers every question at once.
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let upstream = Upstream::with([]);
        upstream.always(|| Script::text("yes"));
        // Those who chat here type faster than people.
        let settings = format!(
            "LLM_PROVIDER=anthropic\nLLM_PROVIDER_URL={}\nLLM_PROVIDER_KEY=k\nMESSAGES_PER_MINUTE=0\n",
            upstream.url()
        );
        fs::write(home.path().join("settings"), settings).unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manual/docker");
        symlink(shim, home.path().join("bin/docker")).unwrap();
        symlink(env!("CARGO_BIN_EXE_portagent"), home.path().join("bin/portagent")).unwrap();
        let stage = Self { home, _upstream: upstream };
        stage.done("docker start portagent");
        stage
    }

    /// Where the commands are run.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What the manual calls /var/lib/portagent, and inside of the container /home/node/.agentx.
    pub fn data_dir(&self) -> PathBuf {
        self.home().join("data")
    }

    /// A copy of a text of the manual, with the places of this machine.
    pub fn placed(&self, text: &str) -> String {
        let home = self.home().to_str().unwrap();
        let places = HashMap::from([
            ("/var/lib/portagent", format!("{home}/data")),
            ("/var/backups/portagent", format!("{home}/backups")),
            ("/var/log/", format!("{home}/")),
            ("/path/to/", format!("{home}/")),
            ("localhost:5200", format!("localhost:{}", self.port())),
        ]);
        places.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, &to))
    }

    /// Runs it, in the shell that people use.
    pub fn run(&self, text: &str) -> Run {
        self.shell("bash", &self.placed(text))
    }

    /// The same, and it has to go well: what it printed.
    pub fn done(&self, text: &str) -> String {
        let run = self.run(&format!("set -e\n{text}"));
        assert_eq!(run.code, Some(0), "{text}\nprinted {}{}", run.stdout, run.stderr);
        run.stdout
    }

    /// The same for what changes a database. The `sqlite3` program does not wait: one that meets a commit of the
    /// server is told that the database is locked, and does it again.
    pub fn done_at_last(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let run = self.run(&format!("set -e\n{text}"));
            if run.code == Some(0) {
                return run.stdout;
            }
            let is_locked = run.stderr.contains("database is locked") && Instant::now() < deadline;
            assert!(is_locked, "{text}\nprinted {}{}", run.stdout, run.stderr);
        }
    }

    /// As cron runs a line.
    pub fn cron(&self, line: &str) -> Run {
        self.shell("sh", &self.placed(line))
    }

    fn shell(&self, shell: &str, text: &str) -> Run {
        let path = format!("{}/bin:{}", self.home().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(shell);
        command.args(["-c", text]).current_dir(self.home()).env("PATH", path).env("STAGE", self.home());
        command.env("PORTAGENT", env!("CARGO_BIN_EXE_portagent")).env("AGENTX_DIR", self.data_dir());
        command.output().unwrap().into()
    }

    pub fn port(&self) -> u16 {
        fs::read_to_string(self.home().join("port")).map_or(0, |port| port.trim().parse().unwrap())
    }

    pub fn http(&self) -> http::Client {
        http::Client::new(self.port())
    }

    pub fn socket(&self, token: &str) -> Client {
        Client::connect(self.port(), token)
    }

    /// A new account's token.
    pub fn register(&self, name: &str) -> String {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.http().post("/api/auth/register", None, &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        text_of(&answer.json()["token"])
    }

    pub fn login(&self, name: &str) -> u16 {
        people::try_login(self.http(), name, PASSWORD).status
    }

    /// One question with its answer: the question's id.
    pub fn ask(&self, token: &str) -> String {
        let mut client = self.socket(token);
        let image = chat::create(&mut client);
        chat::subscribe(&mut client, &image, None);
        let sent = chat::send(&mut client, &image, "a question");
        assert_eq!(client.events_until("conversation_end").last().unwrap()["data"]["reason"], "completed");
        text_of(&sent["messageId"])
    }

    /// Does something while a user chats without a pause; and what they asked. Nothing of it may fail.
    pub fn while_chatting<T>(&self, token: &str, work: impl FnOnce() -> T) -> (T, Vec<String>) {
        let (began, done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let chatting = scope.spawn(|| {
                let mut asked = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    asked.push(self.ask(token));
                    began.store(true, Ordering::Relaxed);
                }
                asked
            });
            while !began.load(Ordering::Relaxed) && !chatting.is_finished() {
                std::thread::yield_now();
            }
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            done.store(true, Ordering::Relaxed);
            let asked = chatting.join().unwrap();
            (outcome.unwrap_or_else(|cause| std::panic::resume_unwind(cause)), asked)
        })
    }

    /// All that is stored in a copy of the conversations.
    pub fn message_ids(&self, file: &Path) -> Vec<String> {
        let ids = people::sqlite3(file, "PRAGMA integrity_check; SELECT messageId FROM messages ORDER BY 1");
        let mut lines = ids.lines().map(str::to_owned);
        assert_eq!(lines.next().as_deref(), Some("ok"));
        lines.collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.home().join("pid")).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
