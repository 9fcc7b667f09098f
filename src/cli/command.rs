//! What a command is: a row that the parser, the help and `main` read.

use std::path::Path;

use crate::app::{DataDirectory, become_owner, become_owner_but_for, data, trust};
use crate::config::{Config, Typed};
use crate::domain::{Error, Result};
use crate::telemetry;

/// One command. Each stands in a file of its own, as `COMMAND`.
pub(super) struct Command {
    /// The words that name it, such as `user add`.
    pub name: &'static str,
    /// Its operands: `NAME`, or `[NAME]` where it may be left out, or `[WORD…]` for any number.
    pub operands: &'static [&'static str],
    pub options: &'static [CommandOption],
    /// Whether it knows `--json`.
    pub json: bool,
    /// Whether it knows `--quiet`: it does something, and what it says about that can be left out.
    pub quiet: bool,
    /// One line for the list of commands.
    pub about: &'static str,
    /// What else there is to say, or nothing.
    pub details: &'static str,
    /// What to type, and what it does.
    pub examples: &'static [(&'static str, &'static str)],
    pub run: fn(&Given) -> Result<()>,
}

/// All commands, in the order of the help.
pub(super) struct Table {
    pub all: &'static [&'static Command],
    /// What `portagent` alone does.
    pub default: &'static Command,
    /// Behind `--help`.
    pub help: &'static Command,
    /// Behind `--version`.
    pub version: &'static Command,
}

impl Table {
    pub(super) fn find(&self, name: &str) -> Option<&'static Command> {
        self.all.iter().copied().find(|command| command.name == name)
    }

    /// Whether it is the first of two words of some command.
    pub(super) fn is_group(&self, word: &str) -> bool {
        !self.members(word).is_empty()
    }

    /// The first words of the commands that have two, some more than once.
    pub(super) fn groups(&self) -> impl Iterator<Item = &'static str> {
        self.all.iter().filter_map(|command| command.name.split_once(' ')).map(|(group, _)| group)
    }

    /// The second words of a group.
    pub(super) fn members(&self, group: &str) -> Vec<&'static str> {
        self.all.iter().filter_map(|command| command.name.strip_prefix(group)?.strip_prefix(' ')).collect()
    }
}

/// Flags that belong to no setting and no command.
pub(super) const GLOBAL_FLAGS: &[&str] = &["env-file", "json", "quiet", "help", "version"];

/// Short forms of commands' options: a letter means the same in every command that has the option.
pub(super) const SHORT_OPTIONS: &[(char, &str)] = &[('f', "follow"), ('n', "lines"), ('v', "verbose")];

pub(super) struct CommandOption {
    /// Without its dashes.
    pub flag: &'static str,
    /// What stands for the value in help; empty for a switch.
    pub value: &'static str,
    pub about: &'static str,
}

/// Commands on people's data that change nothing.
const READS: &[&str] = &[
    "user list",
    "user export",
    "invite list",
    "retention show",
    "provider list",
    "model list",
    "price list",
    "budget list",
    "usage",
    "setup-code",
    "logs",
];

/// What was typed: the command, and everything that belongs to it.
pub(super) struct Given {
    pub table: &'static Table,
    pub command: &'static Command,
    pub operands: Vec<String>,
    pub options: Vec<(&'static str, String)>,
    pub json: bool,
    pub typed: Typed,
}

impl Given {
    /// An operand; empty where it was left out.
    pub(super) fn operand(&self, number: usize) -> &str {
        self.operands.get(number).map_or("", String::as_str)
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.option(flag).is_some()
    }

    /// An option's value; the last one counts.
    pub(super) fn option(&self, flag: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| *name == flag).map(|(_, value)| value.as_str())
    }

    pub(super) fn config(&self) -> Result<Config> {
        let config = Config::from_process(&self.typed)?;
        trust(&config)?;
        Ok(config)
    }

    /// The data of a directory, whether a server runs on it or not. Errors: `NotFound` where there is none; then nothing
    /// is made.
    pub(super) fn data(&self) -> Result<DataDirectory> {
        data::require(&self.config()?)?;
        self.data_or_new()
    }

    /// The same, made where there is none.
    pub(super) fn data_or_new(&self) -> Result<DataDirectory> {
        let config = self.config()?;
        let export = self.option("export").or(self.option("out")).map(Path::new);
        match export.or((self.command.name == "user export").then_some(Path::new("."))) {
            Some(place) => become_owner_but_for(&config.data_dir, place)?,
            None => become_owner(&config.data_dir)?,
        }
        telemetry::init_command(Some(config.log_file()))?;
        for warning in &config.warnings {
            log::warn!(target: "config", "{warning}");
        }
        if READS.contains(&self.command.name) {
            DataDirectory::open_to_read(&config)
        } else {
            DataDirectory::open(&config)
        }
    }
}

/// A wrong usage, with the way out.
pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::invalid("usage", message.into()).hint(hint.into())
}
