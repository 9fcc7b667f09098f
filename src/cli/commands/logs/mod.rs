//! `portagent logs`: the log across its rotated files, with or without a running server.

mod show;

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::show::Printer;
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::since;
use crate::domain::clock::now_ms;
use crate::domain::user::Actor;
use crate::domain::{Error, Kind, Result};
use crate::telemetry::{self, History, LogFilter};

/// Lines that are shown without a number or a time.
const USUAL_LINES: usize = 100;
/// How often `-f` looks for more.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

pub(in crate::cli) static COMMAND: Command = Command {
    name: "logs",
    operands: &[],
    options: &[
        CommandOption { flag: "follow", value: "", about: "go on with what is logged from now on, until Ctrl-C" },
        CommandOption {
            flag: "lines",
            value: "N",
            about: "the last N lines that match, or `all` [100; with --since all]",
        },
        CommandOption { flag: "level", value: "LEVEL", about: "debug, info, warn or error: this level and worse" },
        CommandOption {
            flag: "since",
            value: "T",
            about: "30m, 1h, 2d, today, 2026-11-24, 2026-11-24T10:00:00Z (UTC)",
        },
        CommandOption { flag: "user", value: "NAME", about: "lines about this account; one that is deleted by userId" },
        CommandOption { flag: "grep", value: "TEXT", about: "lines with this text in them, in upper or lower case" },
    ],
    json: true,
    quiet: false,
    about: "show the server's log, across its rotated files",
    details: "It reads {AGENTX_DIR}/logs, whether a server runs or not. With --json, one object a line.",
    examples: &[
        ("portagent logs -f", "what happens now"),
        ("portagent logs --level warn --since 2d", "what went wrong since the day before yesterday"),
        ("portagent logs --user lin --since today", "what one person's browser asked for"),
        ("portagent logs --grep 'POST /api/auth/login' -n all | wc -l", "how often people logged in"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let lines = given.option("lines").map(number).transpose()?;
    let filter = LogFilter {
        level: given.option("level").map(level).transpose()?,
        since_ms: given.option("since").map(|text| since::moment(text, now_ms())).transpose()?,
        user: given.option("user").map(|name| user_id(given, name)).transpose()?.unwrap_or_default(),
        text: given.option("grep").map(|text| text.to_ascii_lowercase().into_bytes()).unwrap_or_default(),
    };
    let usual = if filter.since_ms.is_some() { None } else { Some(USUAL_LINES) };
    let path = given.config()?.log_file();
    match show(&path, &filter, lines.unwrap_or(usual), given) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unreadable(&path, error)),
        _ => Ok(()),
    }
}

/// The log names people by their userId. Errors: `NotFound`.
fn user_id(given: &Given, name: &str) -> Result<Vec<u8>> {
    match given.data()?.users.find(Actor::Operator, name) {
        Ok(user) => Ok(user.id.as_str().to_ascii_lowercase().into_bytes()),
        // The log remembers accounts longer than the database.
        Err(error) if error.kind == Kind::NotFound && is_user_id(name) => Ok(name.to_ascii_lowercase().into_bytes()),
        Err(error) => Err(error),
    }
}

fn is_user_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn show(path: &Path, filter: &LogFilter, lines: Option<usize>, given: &Given) -> io::Result<()> {
    let history = History::open(path)?;
    if history.is_empty() {
        if !given.has("follow") {
            return Err(io::ErrorKind::NotFound.into());
        }
        eprintln!("waiting for {}", path.display());
    }
    let place = match lines {
        None => history.start(),
        Some(count) => history.last(count, &|line| filter.wants(line))?,
    };
    let mut printer = Printer::new(given.json);
    let mut follower =
        history.read(place, given.has("follow"), &mut |line| printer.line_if(filter.wants(line), line))?;
    printer.flush()?;
    while given.has("follow") && has_reader() {
        follower.poll(&mut |line| printer.line_if(filter.wants(line), line))?;
        printer.flush()?;
    }
    Ok(())
}

/// Waits a moment, and notices when the reader of our output has gone.
fn has_reader() -> bool {
    let out = io::stdout();
    let mut watched = [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::empty())];
    let gone = poll(&mut watched, Some(&LOOK_EVERY)).is_ok_and(|found| found > 0);
    !(gone && watched[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}

/// `None`: all of them.
fn number(text: &str) -> Result<Option<usize>> {
    if text == "all" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| usage(format!("--lines {text}: not a number"), "such as -n 100, or -n all"))
}

fn level(text: &str) -> Result<log::LevelFilter> {
    telemetry::level_named(text)
        .ok_or_else(|| usage(format!("--level {text}: not a log level"), "choose debug, info, warn or error"))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let (code, message, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            "no_log",
            format!("there is no log at {}", path.display()),
            "name the server's data directory with --data-dir, or its env file with --env-file",
        ),
        _ => (
            "log_unreadable",
            format!("cannot read {}", path.display()),
            "run this as the user that runs portagent, or as root",
        ),
    };
    let wanted = Error::new(Kind::Unavailable, code, message).hint(hint);
    if error.kind() == io::ErrorKind::NotFound { wanted } else { wanted.source(error) }
}
