//! Completion for the shells, made from the tables of commands and settings like the help.
//!
//! Each script follows the words of the line as far as they are words of a command, so that values of options between
//! them do not matter, and offers what may come next.

use super::command::{Command, GLOBAL_FLAGS, Table};
use crate::config::settings::SETTINGS;

/// What may come next, and what it is.
type Offer = (String, String);

pub(super) fn bash(table: &Table) -> String {
    let cases: String = places(table)
        .iter()
        .map(|place| {
            let words: Vec<String> = offers(table, place).into_iter().map(|(word, _)| word).collect();
            format!("    {}) offers={} ;;\n", quoted(place), quoted(&words.join(" ")))
        })
        .collect();
    let flags: Vec<String> = flags().into_iter().map(|(flag, _)| flag).collect();
    format!(
        "# Completion of portagent for bash.
_portagent() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} place= offers= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{place:+$place }}${{COMP_WORDS[i]}}
    case {} in *\"|$word|\"*) place=$word ;; esac
  done
  case $place in
{cases}  esac
  [[ $current == -* ]] && offers+={}
  COMPREPLY=($(compgen -W \"$offers\" -- \"$current\"))
}}
complete -o default -F _portagent portagent
",
        known(table),
        quoted(&format!(" {}", flags.join(" "))),
    )
}

pub(super) fn zsh(table: &Table) -> String {
    let list = |offers: Vec<Offer>| {
        let offers: Vec<String> =
            offers.iter().map(|(word, about)| quoted(&format!("{word}:{}", about.replace(':', "\\:")))).collect();
        offers.join(" ")
    };
    let cases: String = places(table)
        .iter()
        .map(|place| format!("    {}) offers=({}) ;;\n", quoted(place), list(offers(table, place))))
        .collect();
    format!(
        "#compdef portagent
# Completion of portagent for zsh.
_portagent() {{
  local place= word i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    word=${{place:+$place }}${{words[i]}}
    case {} in *\"|$word|\"*) place=$word ;; esac
  done
  case $place in
{cases}  esac
  [[ ${{words[CURRENT]}} == -* ]] && offers+=({})
  _describe portagent offers || _files
}}
if [[ $funcstack[1] == _portagent ]]; then _portagent \"$@\"; else compdef _portagent portagent; fi
",
        known(table),
        list(flags()),
    )
}

pub(super) fn fish(table: &Table) -> String {
    let line = |condition: &str, (word, about): &Offer| {
        let what = match word.strip_prefix("--") {
            Some(flag) => format!("-l {flag}"),
            None => format!("-f -a {word}"),
        };
        format!("complete -c portagent -n {condition} {what} -d {}\n", fish_quoted(about))
    };
    let mut script = format!(
        "# Completion of portagent for fish.
function __portagent_place
  set -l place ''
  for word in (commandline -opc)[2..]
    set -l longer (string trim -- \"$place $word\")
    string match -q -- \"*|$longer|*\" {}; and set place $longer
  end
  test \"$place\" = \"$argv[1]\"
end
",
        known(table)
    );
    for place in places(table) {
        let condition = format!("\"__portagent_place '{place}'\"");
        script.extend(offers(table, &place).iter().map(|offer| line(&condition, offer)));
    }
    script.extend(flags().iter().map(|offer| line("true", offer)));
    script
}

/// Nothing, every group, and every command.
fn places(table: &Table) -> Vec<String> {
    let mut places = vec![String::new()];
    let names = table.groups().chain(table.all.iter().map(|command| command.name));
    for name in names {
        if !places.iter().any(|place| place == name) {
            places.push(name.to_owned());
        }
    }
    places
}

/// All places as one word for a shell, between bars.
fn known(table: &Table) -> String {
    quoted(&format!("|{}|", places(table)[1..].join("|")))
}

fn offers(table: &Table, place: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    let mut offer = |word: &str, about: &str| {
        if !offers.iter().any(|(known, _)| known == word) {
            offers.push((word.to_owned(), about.to_owned()));
        }
    };
    for command in table.all {
        let rest = if place.is_empty() { Some(command.name) } else { command.name.strip_prefix(&format!("{place} ")) };
        match rest.map(|rest| rest.split_once(' ')) {
            Some(None) => offer(rest.unwrap_or_default(), command.about),
            Some(Some((group, _))) => offer(group, &format!("{}, …", table.members(group).join(", "))),
            None => {}
        }
    }
    if let Some(command) = table.find(place) {
        own(command).iter().for_each(|(word, about)| offer(word, about));
    }
    if place == "completion" {
        ["bash", "zsh", "fish"].iter().for_each(|shell| offer(shell, "a shell"));
    }
    offers
}

/// A command's own options.
fn own(command: &Command) -> Vec<Offer> {
    let mut offers: Vec<Offer> =
        command.options.iter().map(|option| (format!("--{}", option.flag), option.about.to_owned())).collect();
    if command.quiet {
        offers.push(("--quiet".to_owned(), "say nothing when all is well".to_owned()));
    }
    if command.json {
        offers.push(("--json".to_owned(), "machine-readable output".to_owned()));
    }
    offers
}

/// What every command has.
fn flags() -> Vec<Offer> {
    let settings = SETTINGS.iter().filter(|setting| !setting.flag.is_empty());
    let settings = settings.map(|setting| (format!("--{}", setting.flag), setting.meaning.to_owned()));
    let global = GLOBAL_FLAGS.iter().filter(|flag| !matches!(**flag, "json" | "quiet"));
    let about = |flag: &str| match flag {
        "env-file" => "read settings from this file",
        "help" => "what a command does",
        _ => "the version",
    };
    settings.chain(global.map(|flag| (format!("--{flag}"), about(flag).to_owned()))).collect()
}

/// One word for bash and zsh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One word for fish, where a backslash counts inside quotes, too.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::TABLE;

    #[test]
    fn what_may_come_next() {
        let check = |place: &str, expected: &[&str]| {
            let words: Vec<String> = offers(&TABLE, place).into_iter().map(|(word, _)| word).collect();
            for word in expected {
                assert!(words.iter().any(|found| found == word), "{place}: {word} in {words:?}");
            }
        };
        check("", &["serve", "user", "db", "backup", "completion"]);
        check("user", &["add", "list"]);
        check("backup", &["list", "verify", "--out", "--json", "--quiet"]);
        check("completion", &["bash", "zsh", "fish"]);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
