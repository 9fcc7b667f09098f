//! The manual page, made from the tables of commands and settings like the help (format: man(7)).

use super::command::{Command, SHORT_OPTIONS, Table};
use super::help::{capitalised, flags, meaning, signature};
use crate::config::settings::SETTINGS;

pub(super) fn page(table: &Table) -> String {
    let mut page = format!(
        ".TH PORTAGENT 1 \"\" \"portagent {}\" \"User Commands\"\n.SH NAME\nportagent \\- AI agent gateway for small \
         machines\n.SH SYNOPSIS\n.B portagent\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\nAccounts, streaming \
         chats, backups and metrics in one program, with SQLite and the web page inside. Without a command it serves.\n",
        escaped(env!("CARGO_PKG_VERSION"))
    );
    page.push_str(".SH COMMANDS\n");
    table.all.iter().for_each(|command| page.push_str(&of_command(command)));
    page.push_str(".SH OPTIONS\nOptions may stand before or after the command.\n");
    for setting in SETTINGS.iter().filter(|setting| !setting.flag.is_empty()) {
        page.push_str(&item(flags(setting).trim(), &format!("{} [{}]", meaning(setting), setting.name)));
    }
    for (flag, about) in [
        ("-e, --env-file FILE", "read settings from this file [./.env.local, then ./.env]"),
        ("--json", "machine-readable output, where a command has it; errors on stderr, too"),
        ("-q, --quiet", "say nothing when all is well, where a command has it"),
        ("-h, --help", "help, or what a command does"),
        ("-V, --version", "the version"),
    ] {
        page.push_str(&item(flag, about));
    }
    page.push_str(
        ".SH ENVIRONMENT\nAn option counts before the environment, that before a credential of systemd, that before the \
         env file, that before the default. A secret can stand in a file that its name with _FILE names.\n",
    );
    SETTINGS.iter().for_each(|setting| page.push_str(&item(setting.name, &meaning(setting))));
    page.push_str(".SH EXIT STATUS\n");
    for (code, what) in [("0", "done"), ("1", "failed"), ("2", "wrong usage or a bad setting")] {
        page.push_str(&item(code, what));
    }
    page
}

fn of_command(command: &Command) -> String {
    let mut text = format!(".SS {}\n{}.\n", escaped(&signature(command)), escaped(&capitalised(command.about)));
    if !command.details.is_empty() {
        text.push_str(&format!(".PP\n{}\n", escaped(command.details)));
    }
    for option in command.options {
        let short = SHORT_OPTIONS.iter().find(|(_, flag)| *flag == option.flag);
        let short = short.map_or(String::new(), |(letter, _)| format!("-{letter}, "));
        text.push_str(&item(format!("{short}--{} {}", option.flag, option.value).trim_end(), option.about));
    }
    for (typed, what) in command.examples {
        text.push_str(&format!(".PP\nExample: {}\n.EX\n    {}\n.EE\n", escaped(what), escaped(typed)));
    }
    text
}

fn item(term: &str, text: &str) -> String {
    format!(".TP\n.B {}\n{}\n", escaped(term), escaped(text))
}

/// Backslashes, dashes that are typed, and lines that would be read as requests.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::TABLE;

    #[test]
    fn it_has_every_command_and_setting() {
        let page = page(&TABLE);
        for name in TABLE.all.iter().map(|command| command.name) {
            assert!(page.contains(&format!(".SS {}", escaped(name))), "{name}");
        }
        assert!(SETTINGS.iter().all(|setting| page.contains(&format!(".B {}\n", setting.name))));
        assert_eq!(escaped(".a\\b\n'c-d"), "\\&.a\\eb\n\\&'c\\-d");
    }
}
