//! The real program as a child process, with a data directory of its own that goes away with it.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::Client;
use super::{Run, program};

/// How long a start or a stop may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a server is to be started. Without more it listens on 127.0.0.1, on a port that the kernel chooses, with the
/// demo provider.
#[derive(Clone)]
pub struct Builder {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    port: u16,
    descriptors: Option<u32>,
}

pub struct Server {
    builder: Builder,
    home: TempDir,
    running: Option<Running>,
    port: u16,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

struct Running {
    child: Child,
    drains: Vec<JoinHandle<()>>,
}

impl Builder {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Lets it have no more than so many open files.
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// Starts it in a new directory and waits until it listens.
    pub fn start(self) -> Server {
        self.start_in(tempfile::tempdir().unwrap())
    }

    /// The same with a directory that a test has prepared; the data directory is `agentx` in it.
    pub fn start_in(self, home: TempDir) -> Server {
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let mut server = Server { port: 0, builder: self, home, running: None, stdout, stderr };
        server.start_again();
        server
    }

    fn command(&self, home: &Path) -> Command {
        let mut command = program(home);
        command.env("AGENTX_DIR", home.join("agentx")).env("HOST", "127.0.0.1").env("LLM_PROVIDER", "demo");
        command.env("MESSAGES_PER_MINUTE", "0"); // tests type faster than people
        command.env("PORT", self.port.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    pub fn builder() -> Builder {
        Builder { environment: Vec::new(), arguments: Vec::new(), port: 0, descriptors: None }
    }

    pub fn start() -> Self {
        Self::builder().start()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server is stopped").child.id()
    }

    /// A client of this server.
    pub fn http(&self) -> Client {
        Client::new(self.port)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("agentx")
    }

    pub fn log_file(&self) -> PathBuf {
        self.data_dir().join("logs/portagent.log")
    }

    /// Everything it has printed, over all its starts.
    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// A command on this server's data directory, with its settings, run to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// The same, to be changed before it is run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.builder.command(self.home.path());
        command.args(arguments);
        command
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    pub fn kill9(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.wait();
    }

    /// Waits for the end, and until everything that was printed is here.
    pub fn wait(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server is stopped");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                running.drains.drain(..).for_each(|drain| drain.join().unwrap());
                return status;
            }
            if Instant::now() > deadline {
                let _ = running.child.kill();
                let _ = running.child.wait();
                panic!("the server did not stop; it printed:\n{}{}", self.stdout(), self.stderr());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops it if it runs, and starts it on the same port and data.
    pub fn restart(&mut self) {
        if self.running.is_some() {
            self.terminate();
        }
        self.start_again();
    }

    /// Resident memory, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory it ever had, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn start_again(&mut self) {
        let mut command = self.builder.command(self.home.path());
        command.arg("serve").args(&self.builder.arguments);
        if let Some(most) = self.builder.descriptors {
            command = limited(&command, most);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (found, port) = channel();
        let drains = vec![
            drain(child.stdout.take().unwrap(), Arc::clone(&self.stdout), Some(found)),
            drain(child.stderr.take().unwrap(), Arc::clone(&self.stderr), None),
        ];
        self.running = Some(Running { child, drains });
        self.port = self.await_port(&port);
        self.builder.port = self.port; // it comes back where its clients look for it
    }

    fn await_port(&mut self, port: &Receiver<u16>) -> u16 {
        port.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("the server does not listen; it printed:\n{}{}", self.stdout(), self.stderr());
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// The same command, by way of a shell that lowers the limit first.
fn limited(command: &Command, descriptors: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell
}

/// Reads on for as long as there is something, so that the server never waits for us; the test's own output gets a
/// copy. Tells the port once it is named.
fn drain(from: impl Read + Send + 'static, into: Arc<Mutex<String>>, port: Option<Sender<u16>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("server: {line}");
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
            drop(text);
            if let (Some(port), Some(found)) = (&port, listening_port(&line)) {
                let _ = port.send(found);
            }
        }
    })
}

/// The port in `… listening on http://127.0.0.1:40123, open http://localhost:40123`.
fn listening_port(line: &str) -> Option<u16> {
    let address = line.split_once("listening on http://")?.1.split([',', '/', ' ']).next()?;
    address.rsplit(':').next()?.parse().ok()
}
