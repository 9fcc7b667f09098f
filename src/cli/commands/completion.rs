//! `portagent completion bash|zsh|fish`.

use crate::cli::command::{Command, Given, usage};
use crate::cli::completion;
use crate::cli::output::print;
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "completion",
    operands: &["SHELL"],
    options: &[],
    json: false,
    quiet: false,
    about: "print the completion of commands and options for bash, zsh or fish",
    details: "The Debian package brings them along.",
    examples: &[
        ("eval \"$(portagent completion bash)\"", "in ~/.bashrc; for zsh likewise in ~/.zshrc"),
        ("portagent completion fish > ~/.config/fish/completions/portagent.fish", "for fish"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let script = match given.operand(0) {
        "bash" => completion::bash(given.table),
        "zsh" => completion::zsh(given.table),
        "fish" => completion::fish(given.table),
        other => return Err(usage(format!("`{other}` is not a shell known here"), "choose bash, zsh or fish")),
    };
    print(&script)
}
