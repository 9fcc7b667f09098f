//! The command line: what was typed becomes one command, and an error becomes a line on stderr and an exit code.

mod args;
mod command;
mod commands;
mod help;
mod output;
mod password;
mod progress;
mod since;
mod suggest;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::app;
use crate::domain::{Error, Kind, Result};

/// Runs the command that the arguments name. The first one is the program's own name.
///
/// Errors: `Invalid` for a wrong usage; whatever the command could not do.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let given = args::parse(&commands::TABLE, arguments)?;
    (given.command.run)(&given)
}

/// What this process does instead, where a server of ours has started it to host a tool server.
pub fn hosts(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next();
    let is_host = arguments.next().is_some_and(|argument| argument == app::HOST_ARGUMENT);
    is_host.then(|| app::run_host(&Vec::from_iter(arguments)))
}

/// Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn exit_code(error: &Error) -> u8 {
    match error.kind {
        Kind::Invalid => 2,
        _ => 1,
    }
}

/// `error: …` and, where we know the way out, `hint: …`. A command is run by the operator: the cause, which
/// others find only in the log, is part of the line.
pub fn report(error: &Error) {
    let mut text = format!("error: {}\n", output::one_line(&error.with_cause()));
    if let Some(hint) = &error.hint {
        text.push_str(&format!("hint:  {}\n", output::one_line(hint)));
    }
    let _ = io::stderr().write_all(text.as_bytes()); // without a reader of stderr the exit code still says it
}
