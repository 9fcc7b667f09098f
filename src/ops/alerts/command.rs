//! An alert as a command: a shell line of the operator's, with what happened in its environment, and a time limit.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Alert;
use crate::ops::worker::Stop;

/// What it may take; then it is killed, with all that it has started.
const PATIENCE: Duration = Duration::from_secs(30);
/// What it gets while the server is stopping.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(2);
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// Where the service manager and its secrets are found: none of the command's business.
const ALWAYS_HIDDEN: [&str; 3] = ["CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"];

pub(super) fn run(line: &str, alert: &Alert, hidden: &[&str], stop: &Stop) -> Result<(), String> {
    run_within(PATIENCE, line, alert, hidden, stop)
}

fn run_within(patience: Duration, line: &str, alert: &Alert, hidden: &[&str], stop: &Stop) -> Result<(), String> {
    let mut child = command(line, alert, hidden).spawn().map_err(|error| format!("sh cannot be started: {error}"))?;
    let began = Instant::now();
    let mut stop_seen = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) => {}
            Err(error) => return Err(format!("it cannot be waited for: {error}")),
        }
        if stop.is_set() {
            stop_seen.get_or_insert_with(Instant::now);
        }
        let is_late = began.elapsed() > patience;
        if is_late || stop_seen.is_some_and(|seen| seen.elapsed() > PATIENCE_AT_STOP) {
            kill(&mut child);
            let why = if is_late { format!("after {} s", patience.as_secs()) } else { "at the stop".to_owned() };
            return Err(format!("it was killed {why}"));
        }
        std::thread::sleep(CHECK_EVERY);
    }
}

fn command(line: &str, alert: &Alert, hidden: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
    for name in hidden.iter().chain(&ALWAYS_HIDDEN) {
        command.env_remove(name);
    }
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    command
        .env("PORTAGENT_ALERT_STATUS", alert.status)
        .env("PORTAGENT_ALERT_NAME", alert.alert)
        .env("PORTAGENT_ALERT_SEVERITY", alert.severity)
        .env("PORTAGENT_ALERT_SUMMARY", &alert.summary)
        .env("PORTAGENT_ALERT_VALUE", number(alert.value))
        .env("PORTAGENT_ALERT_THRESHOLD", number(alert.threshold))
        .env("PORTAGENT_ALERT_STARTS_AT", &alert.starts_at)
        .env("PORTAGENT_ALERT_INSTANCE", &alert.instance)
        .env("PORTAGENT_ALERT_TEXT", &alert.text);
    command
}

/// Its group is its own, so this reaches what it has started too.
fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL); // it may just have ended
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::super::rules::TEST;
    use super::*;

    fn run_test(line: &str, hidden: &[&str]) -> Result<(), String> {
        let alert = Alert::new("firing", &TEST, "it's \"full\"; $(reboot)".to_owned(), "home", 0);
        run_within(Duration::from_millis(300), line, &alert, hidden, &Stop::default())
    }

    #[test]
    fn it_gets_the_alert_and_none_of_the_secrets() {
        assert_eq!(run_test(r#"test "$PORTAGENT_ALERT_SUMMARY" = "it's \"full\"; \$(reboot)""#, &[]), Ok(()));
        assert_eq!(run_test("test -n \"$PATH\" && test -z \"$CARGO_PKG_NAME\"", &["CARGO_PKG_NAME"]), Ok(()));
        assert_eq!(run_test("exit 3", &[]), Err("it ended with exit status: 3".to_owned()));
    }

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let outcome = run_test(&format!("sleep 60 & echo $! > {}; wait", file.display()), &[]);
        assert!(outcome.is_err_and(|why| why.starts_with("it was killed")));
        let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        // Its new parent may take a moment to reap it; a zombie runs no more.
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
        };
        while runs() {
            assert!(Instant::now() < until, "the child lives on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
