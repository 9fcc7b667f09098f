//! From arguments to a command. Settings, `--env-file`, `--json` and `--help` may stand before or after the command.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use super::command::{Command, GLOBAL_FLAGS, Given, SHORT_OPTIONS, Table, usage};
use super::output;
use crate::config::Typed;
use crate::config::settings::{SETTINGS, Setting};
use crate::domain::suggest::did_you_mean;
use crate::domain::{Error, Result};

struct Collected {
    table: &'static Table,
    /// The words of the command, as far as they were typed.
    words: Vec<String>,
    command: Option<&'static Command>,
    operands: Vec<String>,
    options: Vec<(&'static str, String)>,
    typed: Typed,
    json: bool,
    quiet: bool,
    help: bool,
    version: bool,
}

/// Errors: `Invalid` for what we do not know, with what may have been meant.
pub(super) fn parse(table: &'static Table, arguments: impl IntoIterator<Item = OsString>) -> Result<Given> {
    let mut parser = Parser::from_iter(arguments);
    let mut collected = Collected::new(table);
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Arg::Value(word) => collected.word(text(word)?)?,
            Arg::Long(flag) => {
                let flag = flag.to_owned();
                collected.flag(&flag, &mut parser)?;
            }
            Arg::Short(short) => collected.short(short, &mut parser)?,
        }
    }
    collected.finish()
}

impl Collected {
    fn new(table: &'static Table) -> Self {
        Self {
            table,
            words: Vec::new(),
            command: None,
            operands: Vec::new(),
            options: Vec::new(),
            typed: Typed::default(),
            json: false,
            quiet: false,
            help: false,
            version: false,
        }
    }

    fn word(&mut self, word: String) -> Result<()> {
        if let Some(command) = self.command {
            // `backup` is a command, and `backup list` another one.
            let longer = self.table.find(&format!("{} {word}", command.name));
            match longer.filter(|_| self.operands.is_empty() && self.options.is_empty()) {
                Some(longer) => {
                    self.words.push(word);
                    self.command = Some(longer);
                }
                None => self.operands.push(word),
            }
            return Ok(());
        }
        self.words.push(word);
        let name = self.words.join(" ");
        self.command = self.table.find(&name);
        let begins_one = || self.table.all.iter().any(|command| command.name.starts_with(&format!("{name} ")));
        if self.command.is_some() || begins_one() {
            return Ok(());
        }
        let known = self.table.all.iter().map(|command| command.name).chain(self.table.groups());
        let hint = did_you_mean(&name, known)
            .map_or_else(|| "`portagent help` lists the commands".to_owned(), |name| format!("did you mean `{name}`?"));
        Err(usage(format!("unknown command `{name}`"), hint))
    }

    fn short(&mut self, short: char, parser: &mut Parser) -> Result<()> {
        let flag = match short {
            'h' => "help",
            'e' => "env-file",
            'q' => "quiet",
            _ => self.short_option(short).unwrap_or_else(|| {
                if matches!(short, 'v' | 'V') {
                    return "version";
                }
                SETTINGS.iter().find(|setting| setting.short == Some(short)).map_or("", |setting| setting.flag)
            }),
        };
        if flag.is_empty() {
            return Err(usage(format!("unknown option `-{short}`"), "`portagent help` lists the options"));
        }
        self.flag(flag, parser)
    }

    /// The command's own option behind a letter.
    fn short_option(&self, short: char) -> Option<&'static str> {
        let (_, flag) = SHORT_OPTIONS.iter().find(|(letter, _)| *letter == short)?;
        self.command?.options.iter().any(|option| option.flag == *flag).then_some(flag)
    }

    fn flag(&mut self, flag: &str, parser: &mut Parser) -> Result<()> {
        match flag {
            "help" => self.help = true,
            "version" => self.version = true,
            "json" => self.json = true,
            "quiet" => self.quiet = true,
            "env-file" => self.typed.env_file = Some(PathBuf::from(parser.value().map_err(wrong)?)),
            _ => {
                if let Some(setting) = SETTINGS.iter().find(|setting| setting.flag == flag) {
                    let value = setting_value(setting, parser)?;
                    self.typed.settings.push((setting.name, value));
                } else {
                    self.command_option(flag, parser)?;
                }
            }
        }
        Ok(())
    }

    fn command_option(&mut self, flag: &str, parser: &mut Parser) -> Result<()> {
        let options = self.command.map_or(&[][..], |command| command.options);
        if let Some(option) = options.iter().find(|option| option.flag == flag) {
            let value = if option.value.is_empty() { String::new() } else { text(parser.value().map_err(wrong)?)? };
            self.options.push((option.flag, value));
            return Ok(());
        }
        let settings = SETTINGS.iter().map(|setting| setting.flag).filter(|flag| !flag.is_empty());
        let known = options.iter().map(|option| option.flag).chain(settings).chain(GLOBAL_FLAGS.iter().copied());
        let hint = did_you_mean(flag, known).map_or_else(
            || {
                format!(
                    "`portagent {}--help` lists the options",
                    self.command.map_or(String::new(), |c| format!("{} ", c.name))
                )
            },
            |flag| format!("did you mean `--{flag}`?"),
        );
        Err(usage(format!("unknown option `--{flag}`"), hint))
    }

    fn finish(mut self) -> Result<Given> {
        if self.help {
            self.operands = std::mem::take(&mut self.words);
            self.command = Some(self.table.help);
            (self.json, self.quiet) = (false, false);
        } else if self.version {
            self.operands.clear();
            self.command = Some(self.table.version);
        }
        let command = match self.command {
            Some(command) => command,
            None if self.words.is_empty() => self.table.default,
            None => {
                let group = &self.words[0];
                let message = format!("`{group}` needs a subcommand: {}", self.table.members(group).join(", "));
                return Err(usage(message, format!("`portagent {group} --help` explains each")));
            }
        };
        if self.json && !command.json {
            return Err(usage(format!("`{}` has no --json", command.name), hint_help(command)));
        }
        check_operands(self.table, command, &self.operands)?;
        if self.quiet && !command.quiet {
            let message = format!("`{}` has no --quiet: what it prints is all that it is for", command.name);
            return Err(usage(message, hint_help(command)));
        }
        output::set_quiet(self.quiet);
        let Self { table, operands, options, typed, json, .. } = self;
        Ok(Given { table, command, operands, options, json, typed })
    }
}

fn check_operands(table: &Table, command: &Command, operands: &[String]) -> Result<()> {
    let needed = command.operands.iter().filter(|operand| !operand.starts_with('[')).count();
    if operands.len() < needed {
        let missing = command.operands[operands.len()];
        return Err(usage(format!("`{}` needs {missing}", command.name), hint_help(command)));
    }
    let endless = command.operands.iter().any(|operand| operand.contains('…'));
    match operands.get(command.operands.len()) {
        Some(extra) if !endless => {
            let hint = did_you_mean(extra, table.members(command.name).into_iter())
                .map_or_else(|| hint_help(command), |member| format!("did you mean `{} {member}`?", command.name));
            Err(usage(format!("unexpected argument `{extra}` for `{}`", command.name), hint))
        }
        _ => Ok(()),
    }
}

fn hint_help(command: &Command) -> String {
    format!("`portagent {} --help` shows its usage", command.name)
}

fn setting_value(setting: &Setting, parser: &mut Parser) -> Result<String> {
    if setting.is_switch() {
        return parser.optional_value().map_or_else(|| Ok("true".to_owned()), text);
    }
    text(parser.value().map_err(wrong)?)
}

fn text(value: OsString) -> Result<String> {
    value.into_string().map_err(|_| usage("an argument is not valid UTF-8", "`portagent help` shows the usage"))
}

/// lexopt's own words are good; those that quote an argument are not, because it may be a secret.
fn wrong(error: lexopt::Error) -> Error {
    let message = match error {
        lexopt::Error::UnexpectedValue { option, .. } => format!("`{option}` takes no value"),
        lexopt::Error::MissingValue { option: Some(option) } => format!("`{option}` needs a value"),
        other => other.to_string(),
    };
    usage(message, "`portagent help` lists the options")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Given> {
        parse(
            &crate::cli::commands::TABLE,
            std::iter::once("portagent").chain(line.split_whitespace()).map(OsString::from),
        )
    }

    #[test]
    fn what_is_meant() {
        let check = |line: &str, name: &str, operands: &[&str], settings: &[(&str, &str)]| {
            let given = parsed(line).map_err(|error| format!("{line}: {error}")).unwrap();
            assert_eq!(given.command.name, name, "{line}");
            assert_eq!(given.operands, operands, "{line}");
            let typed: Vec<_> = given.typed.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(typed, settings, "{line}");
        };
        check("", "serve", &[], &[]);
        check("-p 80 serve --host=::", "serve", &[], &[("PORT", "80"), ("HOST", "::")]);
        check("--invite-code-required", "serve", &[], &[("INVITE_CODE_REQUIRED", "true")]);
        check("--invite-code-required=no serve", "serve", &[], &[("INVITE_CODE_REQUIRED", "no")]);
        check("-d/x user disable bob", "user disable", &["bob"], &[("AGENTX_DIR", "/x")]);
        check("user disable -- --bob", "user disable", &["--bob"], &[]);
        check("user unlock", "user unlock", &[], &[]);
        check("--version", "version", &[], &[]);
        check("user disable bob -V", "version", &[], &[]);
        check("help user add", "help", &["user", "add"], &[]);
        check("user add --help", "help", &["user", "add"], &[]);
        check("user -h", "help", &["user"], &[]);
        check("-h", "help", &[], &[]);
        check("backup", "backup", &[], &[]);
        check("backup -d /x list", "backup list", &[], &[("AGENTX_DIR", "/x")]);
        check("backup verify latest", "backup verify", &["latest"], &[]);
        check("backup verify list", "backup verify", &["list"], &[]);
        check("backup list --help", "help", &["backup", "list"], &[]);
        check("backup --help", "help", &["backup"], &[]);
    }

    #[test]
    fn options_of_a_command() {
        let given = parsed("--json invite create --uses 3 --note a --note=b").unwrap();
        assert!(given.json);
        let logs = parsed("logs -fn20 --grep x").unwrap();
        assert_eq!((logs.has("follow"), logs.option("lines"), logs.option("grep")), (true, Some("20"), Some("x")));
        assert!(parsed("model list -v").unwrap().has("verbose"), "where it is no option, it is the version");
        assert_eq!((given.option("uses"), given.option("note"), given.has("expires")), (Some("3"), Some("b"), false));
    }

    #[test]
    fn what_is_wrong() {
        let check = |line: &str, message: &str, hint: &str| {
            let error = parsed(line).err().unwrap();
            assert_eq!((error.message.as_ref(), error.hint.as_deref()), (message, Some(hint)), "{line}");
        };
        check("sevre", "unknown command `sevre`", "did you mean `serve`?");
        check("frobnicate", "unknown command `frobnicate`", "`portagent help` lists the commands");
        check("usr list", "unknown command `usr`", "did you mean `user`?");
        check("user dissable x", "unknown command `user dissable`", "did you mean `user disable`?");
        check("--prot 80", "unknown option `--prot`", "did you mean `--port`?");
        check("--api-kye=sk-1", "unknown option `--api-kye`", "did you mean `--api-key`?");
        check("user list -f", "unknown option `-f`", "`portagent help` lists the options");
        check("-x", "unknown option `-x`", "`portagent help` lists the options");
        check("--port", "`--port` needs a value", "`portagent help` lists the options");
        check("--json=sk-1 config", "`--json` takes no value", "`portagent help` lists the options");
        check(
            "user list -q",
            "`user list` has no --quiet: what it prints is all that it is for",
            "`portagent user list --help` shows its usage",
        );
        check("serve --json", "`serve` has no --json", "`portagent serve --help` shows its usage");
        check("user add", "`user add` needs NAME", "`portagent user add --help` shows its usage");
        check("serve now", "unexpected argument `now` for `serve`", "`portagent serve --help` shows its usage");
        check("backup lst", "unexpected argument `lst` for `backup`", "did you mean `backup list`?");
        check("backup x", "unexpected argument `x` for `backup`", "`portagent backup --help` shows its usage");
        check("backup --out x list", "unexpected argument `list` for `backup`", "did you mean `backup list`?");
        check("backup verify", "`backup verify` needs FILE", "`portagent backup verify --help` shows its usage");
        check("user --uses 3", "unknown option `--uses`", "`portagent --help` lists the options");
        assert!(parsed("user").err().unwrap().message.starts_with("`user` needs a subcommand: list, add, "));
    }
}
