//! The process between us and a tool server's: it starts the server, keeps it within its limits, and ends it with
//! everything that it has started, also when we are killed.
//!
//! It is this program again (`/proc/self/exe`), because what has to be set before a program is executed cannot be set
//! from a process with threads. It leads a session of its own, is the reaper of all that the server leaves behind, and
//! is sent SIGTERM by the kernel when the thread that started it is gone. It looks at neither input nor output.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGTERM};
use signal_hook::iterator::Signals;

/// The first argument that makes this program a host. It is no command: nothing but `mcp::stdio` uses it.
pub const ARGUMENT: &str = "__tool-host";
/// How often processes and memory are counted.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between SIGTERM and SIGKILL.
const TERM_PATIENCE: Duration = Duration::from_millis(300);
/// How long processes are looked for that have to end.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// Processes that are looked at in one round.
const TREE_PROCESSES: usize = 100_000;

/// What a server may use, with all that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub memory_mib: u64,
    pub processes: u64,
}

/// The arguments with which this program hosts a command.
pub(super) fn arguments(limits: Limits, command: &str, args: &[String]) -> Vec<OsString> {
    let own = [std::process::id().to_string(), limits.memory_mib.to_string(), limits.processes.to_string()];
    let typed = std::iter::once(command).chain(args.iter().map(String::as_str));
    std::iter::once(ARGUMENT).chain(own.iter().map(String::as_str)).chain(typed).map(OsString::from).collect()
}

/// Hosts a command: `arguments` are those behind [`ARGUMENT`].
pub fn run(arguments: &[OsString]) -> ExitCode {
    let number = |at: usize| arguments.get(at)?.to_str()?.parse::<u64>().ok();
    let (Some(parent), Some(memory_mib), Some(processes), [command, args @ ..]) =
        (number(0), number(1), number(2), arguments.get(3..).unwrap_or_default())
    else {
        return ExitCode::from(2);
    };
    match host(parent, Limits { memory_mib, processes }, command, args) {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            // The reader of the server's own words shows it to administrators.
            eprintln!("portagent: cannot start {}: {error}", command.display());
            ExitCode::from(127)
        }
    }
}

fn host(parent: u64, limits: Limits, command: &OsString, args: &[OsString]) -> io::Result<ExitStatus> {
    let mut signals = Signals::new([SIGTERM, SIGCHLD])?;
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    if rustix::process::getppid().and_then(|pid| u64::try_from(pid.as_raw_nonzero().get()).ok()) != Some(parent) {
        return Err(io::Error::other("the server that asked for it is gone"));
    }
    rustix::process::setsid()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::thread::set_no_new_privs(true)?;
    set_limits(limits)?;
    let (sender, received) = mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).stack_size(64 * 1024).spawn(move || {
        for signal in &mut signals {
            let Ok(()) = sender.send(signal) else { return };
        }
    })?;
    let child = Command::new(command).args(args).process_group(0).spawn()?;
    let_go_of_streams()?;
    Ok(watch(&child, limits, &received))
}

/// `RLIMIT_DATA` counts what can be written, and not what runtimes such as node merely reserve: a server within its
/// limit starts under it, which it does not under `RLIMIT_AS`.
fn set_limits(limits: Limits) -> io::Result<()> {
    let set = |resource, most: u64| {
        let current = rustix::process::getrlimit(resource);
        let most = Some(current.maximum.map_or(most, |maximum| maximum.min(most)));
        rustix::process::setrlimit(resource, Rlimit { current: most, maximum: most })
    };
    set(Resource::Data, limits.memory_mib.saturating_mul(1024 * 1024))?;
    set(Resource::Core, 0)?;
    Ok(())
}

/// The streams are the server's: it alone is to hold their ends.
fn let_go_of_streams() -> io::Result<()> {
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(()) // stderr stays: there we say why we ended it
}

/// Until the server has ended, or has to; then ends everything else.
fn watch(child: &Child, limits: Limits, signals: &Receiver<i32>) -> ExitStatus {
    let server = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let status = loop {
        match signals.recv_timeout(LOOK_EVERY) {
            Ok(SIGTERM) | Err(RecvTimeoutError::Disconnected) => {
                if let Some(server) = server {
                    let _ = rustix::process::kill_process_group(server, Signal::TERM); // it may be gone already
                }
                break wait_ended(server, TERM_PATIENCE);
            }
            _ => {}
        }
        if let Some(status) = reap(server) {
            break Some(status);
        }
        if let Some(what) = excess(limits) {
            eprintln!("portagent: stopped: it used more than {what}");
            break None;
        }
    };
    let last = end_all(server);
    status.or(last).unwrap_or(ExitStatus::from_raw(1 << 8))
}

fn wait_ended(server: Option<Pid>, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if let Some(status) = reap(server) {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Takes note of what has ended. The status, where that is the server itself.
fn reap(server: Option<Pid>) -> Option<ExitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if Some(pid) == server {
            found = Some(ExitStatus::from_raw(status.as_raw()));
        }
    }
    found
}

/// Kills what is left, until there is nothing.
fn end_all(server: Option<Pid>) -> Option<ExitStatus> {
    let until = Instant::now() + KILL_PATIENCE;
    let mut status = None;
    loop {
        if let Some(server) = server {
            // At once for all of a group, which a fork bomb cannot outrun.
            let _ = rustix::process::kill_process_group(server, Signal::KILL);
        }
        let left = descendants();
        for pid in &left {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        status = reap(server).or(status);
        if left.is_empty() || Instant::now() > until {
            return status;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What of the limits is exceeded, if anything is.
fn excess(limits: Limits) -> Option<String> {
    let all = descendants();
    if all.len() as u64 > limits.processes {
        return Some(format!("{} processes", limits.processes));
    }
    let page = rustix::param::page_size() as u64;
    let resident: u64 = all.iter().filter_map(|pid| resident_pages(*pid)).sum();
    let is_over = resident.saturating_mul(page) / (1024 * 1024) > limits.memory_mib;
    is_over.then(|| format!("{} MiB of memory", limits.memory_mib))
}

/// All processes below this one, those whose parents have ended included: they become this one's.
fn descendants() -> Vec<Pid> {
    let mut found = Vec::new();
    let mut open = vec![rustix::process::getpid()];
    while let Some(pid) = open.pop() {
        let children = children(pid);
        found.extend_from_slice(&children);
        open.extend(children);
        if found.len() > TREE_PROCESSES {
            break;
        }
    }
    found
}

fn children(pid: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = |list: String| {
        list.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect::<Vec<_>>()
    };
    lists.flat_map(pids).collect()
}

/// The second number of statm: shared pages count for everyone who maps them, which errs on the safe side.
fn resident_pages(pid: Pid) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/statm")).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A command that hosts `command`, with nothing of our environment.
pub(super) fn command(limits: Limits, command: &str, args: &[String]) -> Command {
    let mut host = Command::new("/proc/self/exe");
    host.args(arguments(limits, command, args)).env_clear();
    host.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_what_it_started() {
        let mut child = Command::new("sleep").arg("30").spawn().expect("starts");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("fits")).expect("is a pid");
        assert!(descendants().contains(&pid));
        assert!(resident_pages(pid).is_some_and(|pages| pages > 0));
        child.kill().expect("is killed");
        child.wait().expect("ends");
        assert!(!descendants().contains(&pid));
    }

    #[test]
    fn wrong_arguments_start_nothing() {
        for arguments in [vec![], vec!["1"], vec!["x", "1", "1", "true"], vec!["1", "1", "1"]] {
            let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
            assert_eq!(format!("{:?}", run(&arguments)), format!("{:?}", ExitCode::from(2)), "{arguments:?}");
        }
    }
}
