//! Where a command gets a password from: typed unseen, read from stdin, or made up. Never from a flag, which
//! every user of the machine could read.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::command::{CommandOption, Given, usage};
use crate::domain::{Error, Result};

/// More than any password may have, in bytes.
const INPUT_BYTES: usize = 8 * 1024;

/// 32 letters and digits that are not mistaken for each other, so that a byte picks one evenly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 20 of 32 are 100 bits.
const GENERATED_CHARS: usize = 20;

pub(super) const FROM_STDIN: CommandOption =
    CommandOption { flag: "password-stdin", value: "", about: "read the password from the first line of stdin" };
pub(super) const GENERATE: CommandOption =
    CommandOption { flag: "generate", value: "", about: "make a password up and print it, once" };

pub(super) struct Password {
    pub text: String,
    /// It has to be shown, once.
    pub generated: bool,
}

/// Errors: `Invalid` where there is no terminal, or the two passwords typed are not the same.
pub(super) fn obtain(given: &Given) -> Result<Password> {
    let typed = |text| Password { text, generated: false };
    match (given.has(GENERATE.flag), given.has(FROM_STDIN.flag)) {
        (true, true) => Err(usage("--generate and --password-stdin exclude each other", "choose one")),
        (true, false) => Ok(Password { text: generate()?, generated: true }),
        (false, true) => from_stdin().map(typed),
        (false, false) if io::stdin().is_terminal() => ask_twice().map(typed),
        (false, false) => {
            Err(usage("there is no terminal to ask for the password", "use --password-stdin or --generate"))
        }
    }
}

fn generate() -> Result<String> {
    let mut random = [0; GENERATED_CHARS];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

fn from_stdin() -> Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(INPUT_BYTES as u64).read_to_end(&mut bytes).map_err(Error::internal)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    to_text(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

fn ask_twice() -> Result<String> {
    let mut terminal = open_terminal()
        .map_err(|cause| usage("cannot ask for the password", "use --password-stdin or --generate").source(cause))?;
    let first = ask(&mut terminal, "password: ")?;
    if ask(&mut terminal, "again:    ")? != first {
        return Err(usage("the two passwords are not the same", "try again"));
    }
    Ok(first)
}

/// Something secret, typed on the terminal; twice where a slip would go unnoticed.
///
/// Errors: `Invalid` where there is no terminal, or what was typed differs.
pub(super) fn typed_unseen(what: &str, twice: bool) -> Result<String> {
    let mut terminal = open_terminal().map_err(|cause| {
        usage(format!("there is no terminal to ask for the {what}"), format!("use --{what}-file FILE")).source(cause)
    })?;
    let first = ask(&mut terminal, &format!("{what}: "))?;
    if twice && ask(&mut terminal, "again:      ")? != first {
        return Err(usage(format!("the {what} was not typed the same twice"), "try again"));
    }
    Ok(first)
}

fn open_terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

fn ask(terminal: &mut File, prompt: &str) -> Result<String> {
    terminal.write_all(prompt.as_bytes()).map_err(Error::internal)?;
    let typed = {
        let _unseen = Unseen::on(terminal)?;
        read_typed(terminal)
    };
    let _ = terminal.write_all(b"\n");
    typed.and_then(to_text)
}

/// Key by key, because the terminal no longer edits the line for us, and Ctrl-C has to give it its echo back.
fn read_typed(terminal: &mut File) -> Result<Vec<u8>> {
    let mut typed = Vec::new();
    let mut key = [0];
    while terminal.read(&mut key).map_err(Error::internal)? == 1 && typed.len() < INPUT_BYTES {
        match key[0] {
            b'\n' | b'\r' | 0x04 => break,
            0x03 | 0x1c => return Err(Error::conflict("cancelled", "cancelled")),
            0x08 | 0x7f => while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {},
            0x15 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    Ok(typed)
}

fn to_text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| usage("the password is not valid UTF-8", "check the terminal's encoding"))
}

/// While it lives the terminal shows nothing and hands over each key.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn on(terminal: &File) -> Result<Self> {
        let terminal = terminal.try_clone().map_err(Error::internal)?;
        let before = tcgetattr(&terminal).map_err(Error::internal)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Flush, &unseen).map_err(Error::internal)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before); // nothing else can be done
    }
}
