//! The command line: what was typed becomes one command, and an error becomes a line on stderr and an exit code.

mod args;
mod command;
mod commands;
mod completion;
mod help;
mod man;
mod output;
mod password;
mod progress;
mod since;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::app;

use crate::domain::{Error, Kind};

/// Runs the command that the arguments name, and reports what went wrong. The first one is the program's own name.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Also where the arguments are wrong a program wants to read what is wrong.
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let outcome = args::parse(&commands::TABLE, arguments).and_then(|given| (given.command.run)(&given));
    let Err(error) = outcome else { return 0 };
    let text = if json { format!("{}\n", as_json(&error)) } else { as_text(&error) };
    let _ = io::stderr().write_all(text.as_bytes()); // without a reader of stderr the exit code still says it
    exit_code(&error)
}

/// What this process does instead, where a server of ours has started it to host a tool server.
pub fn hosts(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next();
    let is_host = arguments.next().is_some_and(|argument| argument == app::HOST_ARGUMENT);
    is_host.then(|| app::run_host(&Vec::from_iter(arguments)))
}

/// Exit codes: 0 done, 1 failed, 2 wrong usage.
fn exit_code(error: &Error) -> u8 {
    match error.kind {
        Kind::Invalid => 2,
        _ => 1,
    }
}

/// `error: …` and, where we know the way out, `hint: …`. A command is run by the operator: the cause, which
/// others find only in the log, is part of the line.
fn as_text(error: &Error) -> String {
    let mut text = format!("error: {}\n", output::one_line(&sentence(error)));
    if let Some(hint) = &error.hint {
        text.push_str(&format!("hint:  {}\n", output::one_line(hint)));
    }
    text.extend(error.also().iter().map(as_text));
    text
}

/// The same on one line, with the names that errors have over HTTP.
fn as_json(error: &Error) -> Value {
    let mut value = json!({ "error": sentence(error), "code": error.code.as_str() });
    if let Some(hint) = &error.hint {
        value["hint"] = json!(hint);
    }
    if !error.also().is_empty() {
        value["also"] = error.also().iter().map(as_json).collect();
    }
    value
}

/// With its cause, unless that is a list of other errors.
fn sentence(error: &Error) -> String {
    if error.also().is_empty() { error.with_cause() } else { error.message.to_string() }
}
