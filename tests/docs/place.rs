//! Where the commands of a page are run: a fresh home with a running server, one administrator, and a few programs
//! that stand in for the ones a test must not touch.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::people::register;
use crate::support::server::Server;
use crate::support::{chat, ws};

/// How long one block may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Stands for the service manager: hands what is asked to the test, which stops and starts its server.
const SYSTEMCTL: &str = r#"#!/bin/sh
[ "$1" = --user ] && shift
printf '%s' "$1" > "$CONTROL/asked.tmp" && mv "$CONTROL/asked.tmp" "$CONTROL/asked"
until [ -e "$CONTROL/done" ]; do sleep 0.02; done
rm "$CONTROL/done"
"#;

/// `sudo` and `sudo -u NAME` change nothing.
const SUDO: &str = r#"#!/bin/sh
[ "$1" = -u ] && shift 2
exec "$@"
"#;

/// Ports of the pages beside that of the server.
const PORTS: [&str; 3] = ["5201", "5202", "8080"];

pub struct Place {
    server: Server,
    ports: Vec<u16>,
    home: PathBuf,
    control: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let server = Server::start();
        let token = register(&server, "ann");
        let mut client = ws::Client::connect(server.port(), &token);
        let image = chat::create(&mut client);
        chat::send(&mut client, &image, "hello");
        let home = server.data_dir().parent().unwrap().to_owned();
        let control = home.join(".control");
        fs::create_dir_all(home.join(".bin")).unwrap();
        fs::create_dir(&control).unwrap();
        symlink(env!("CARGO_BIN_EXE_portagent"), home.join(".bin/portagent")).unwrap();
        stand_in(&home, "systemctl", SYSTEMCTL);
        stand_in(&home, "sudo", SUDO);
        let ports = free_ports(PORTS.len());
        Self { server, ports, home, control }
    }

    /// Runs a block in a shell of its own, to its end; what it printed.
    pub fn run(&mut self, text: &str) -> (ExitStatus, String) {
        let script = self.home.join(".block.sh");
        fs::write(&script, self.with_own_ports(text)).unwrap();
        let output = self.home.join(".output");
        let printed = File::create(&output).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail"]).arg(&script).current_dir(&self.home).stdin(Stdio::null());
        command.stdout(printed.try_clone().unwrap()).stderr(printed).process_group(0);
        self.surround(&mut command);
        let mut child = command.spawn().unwrap();
        let ended = self.wait(&mut child);
        // What it left in the background ends with it.
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait();
        let printed = String::from_utf8_lossy(&fs::read(&output).unwrap()).into_owned();
        (ended.unwrap_or_else(|| panic!("not done within {PATIENCE:?}:\n{text}\n{printed}")), printed)
    }

    fn wait(&mut self, child: &mut Child) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.do_what_is_asked();
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// The pages have the usual ports; a test has its own.
    fn with_own_ports(&self, text: &str) -> String {
        let text = text.replace("localhost:5200", &format!("localhost:{}", self.server.port()));
        PORTS.iter().zip(&self.ports).fold(text, |text, (usual, own)| text.replace(usual, &own.to_string()))
    }

    fn surround(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env_clear().env("HOME", &self.home).env("LANG", "C.UTF-8").env("CONTROL", &self.control);
        command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.home.join(".bin").display()));
        command.env("AGENTX_DIR", self.server.data_dir()).env("PORT", self.server.port().to_string());
        command.env("HOST", "127.0.0.1").env("LLM_PROVIDER", "demo");
    }

    fn do_what_is_asked(&mut self) {
        let asked = self.control.join("asked");
        let Ok(what) = fs::read_to_string(&asked) else { return };
        fs::remove_file(&asked).unwrap();
        match what.as_str() {
            "stop" => drop(self.server.terminate()),
            "start" | "restart" => self.server.restart(),
            "reload" => self.server.signal(Signal::HUP),
            other => panic!("the pages ask the service manager for `{other}`, which the test does not know"),
        }
        fs::write(self.control.join("done"), "").unwrap();
    }
}

/// Different ones, since all are held until the last is found.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn stand_in(home: &Path, name: &str, text: &str) {
    let file = home.join(".bin").join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}
