//! Help, made from the tables of commands and settings, so that it cannot lag behind them.

use super::command::{Command, SHORT_OPTIONS, Table};
use crate::config::settings::{SETTINGS, Setting};

/// How wide the left column gets before a row breaks, in characters.
const LEFT_CHARS: usize = 34;
/// How wide running text gets, in characters.
const LINE_CHARS: usize = 118;

/// `portagent help`.
pub(super) fn overview(table: &Table) -> String {
    let mut text = String::from(
        "Portagent: an AI agent gateway for small machines.\n\nUsage: portagent [COMMAND] [OPTIONS]\n\nCommands:\n",
    );
    for command in table.all {
        text.push_str(&row(&signature(command), command.about));
    }
    text.push_str("\nOptions, before or after the command, and the environment variables behind them:\n");
    for setting in SETTINGS.iter().filter(|setting| !setting.flag.is_empty()) {
        text.push_str(&row(&flags(setting), &format!("{} [{}]", meaning(setting), setting.name)));
    }
    text.push_str(&row("-e, --env-file FILE", "read settings from this file [./.env.local, then ./.env]"));
    text.push_str(&row("    --json", "machine-readable output, where a command has it; errors on stderr, too"));
    text.push_str(&row("-q, --quiet", "say nothing when all is well, where a command has it"));
    text.push_str(&row("-h, --help", "this, or what a command does"));
    text.push_str(&row("-V, --version", "the version"));
    text.push_str("\nEnvironment variables without an option:\n");
    for setting in SETTINGS.iter().filter(|setting| setting.flag.is_empty()) {
        text.push_str(&row(setting.name, &meaning(setting)));
    }
    text.push_str(
        "\nAn option counts before the environment, that before a credential of systemd, that before the env file,
that before the default.\n",
    );
    text.push_str("\nExamples:\n");
    for (typed, what) in [
        ("portagent --provider demo", "try everything, without a key"),
        ("portagent -p 8080 -d /srv/portagent", "serve on another port, from another directory"),
        ("portagent invite create", "create an invite code"),
        ("portagent user add --help", "what a command can do"),
    ] {
        text.push_str(&row(typed, what));
    }
    text
}

/// `portagent <command> --help`.
pub(super) fn of_command(table: &Table, command: &Command) -> String {
    let options = if command.options.is_empty() { "" } else { " [OPTIONS]" };
    let mut text = format!("{}.\n\nUsage: portagent {}{options}\n", capitalised(command.about), signature(command));
    if !command.details.is_empty() {
        text.push_str(&format!("\n{}", wrapped(command.details)));
    }
    if !command.options.is_empty() || command.json || command.quiet {
        text.push_str("\nOptions:\n");
    }
    for option in command.options {
        let short = SHORT_OPTIONS.iter().find(|(_, flag)| *flag == option.flag);
        let short = short.map_or(String::new(), |(letter, _)| format!("-{letter}, "));
        text.push_str(&row(format!("{short}--{} {}", option.flag, option.value).trim_end(), option.about));
    }
    if command.json {
        text.push_str(&row("--json", "machine-readable output"));
    }
    if command.quiet {
        text.push_str(&row("-q, --quiet", "say nothing when all is well"));
    }
    let members = table.all.iter().filter(|other| other.name.split_once(' ').is_some_and(|(g, _)| g == command.name));
    let members: String = members.map(|other| row(&signature(other), other.about)).collect();
    if !members.is_empty() {
        text.push_str(&format!("\nCommands:\n{members}"));
    }
    text.push_str("\nExamples:\n");
    for (typed, what) in command.examples {
        text.push_str(&row(typed, what));
    }
    text.push_str("\n`portagent help` lists the options that every command has.\n");
    text
}

/// `portagent user --help`.
pub(super) fn of_group(table: &Table, group: &str) -> String {
    let mut text = format!("Usage: portagent {group} COMMAND [OPTIONS]\n\nCommands:\n");
    for command in table.all.iter().filter(|command| command.name.split(' ').next() == Some(group)) {
        text.push_str(&row(&signature(command), command.about));
    }
    text
}

pub(super) fn signature(command: &Command) -> String {
    std::iter::once(command.name).chain(command.operands.iter().copied()).collect::<Vec<_>>().join(" ")
}

pub(super) fn flags(setting: &Setting) -> String {
    let short = setting.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    format!("{short}--{} {}", setting.flag, setting.value).trim_end().to_owned()
}

pub(super) fn meaning(setting: &Setting) -> String {
    match setting.default.text() {
        "" => setting.meaning.to_owned(),
        default => format!("{}; default: {default}", setting.meaning),
    }
}

fn row(left: &str, right: &str) -> String {
    if left.chars().count() > LEFT_CHARS {
        return format!("  {left}\n  {:LEFT_CHARS$}  {right}\n", "");
    }
    format!("  {left:LEFT_CHARS$}  {right}\n")
}

/// Lines that are too long go on in the next; the breaks that are there stay.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut chars = 0;
        for word in line.split(' ') {
            let word_chars = word.chars().count();
            if chars > 0 && chars + 1 + word_chars > LINE_CHARS {
                wrapped.push('\n');
                chars = 0;
            } else if chars > 0 {
                wrapped.push(' ');
                chars += 1;
            }
            wrapped.push_str(word);
            chars += word_chars;
        }
        wrapped.push('\n');
    }
    wrapped
}

pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let check = |text: &str, expected: &str| assert_eq!(wrapped(text), expected);
        check("short\n\nand short", "short\n\nand short\n");
        let (fits, more) = ("x".repeat(LINE_CHARS - 2), "more".to_owned());
        check(&format!("{fits} y {more}"), &format!("{fits} y\n{more}\n"));
        check(&format!("{fits}yyy"), &format!("{fits}yyy\n"));
    }
}
