//! Nothing of the program is missing in the manual, and what it quotes is what the program says.

use std::fs;
use std::path::Path;

use super::markdown::Page;
use super::{LANGUAGES, pages, root};
use crate::support::run;

#[test]
fn every_setting_stands_in_configure() {
    let home = tempfile::tempdir().unwrap();
    let shown: serde_json::Value = serde_json::from_str(&run(home.path(), &["config", "--json"]).stdout).unwrap();
    let names = shown["settings"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let names: Vec<String> = names.collect();
    assert!(names.contains(&"AGENTX_DIR".to_owned()));
    for language in LANGUAGES {
        let page = Page::read(&root().join("docs").join(language).join("configure.md"));
        let missing: Vec<&String> = names.iter().filter(|name| !page.text.contains(&format!("| `{name}` |"))).collect();
        assert!(missing.is_empty(), "docs/{language}/configure.md has no row for {missing:?}");
        let rows = page.text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let settings =
            rows.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        let unknown: Vec<&str> = settings.filter(|name| !names.iter().any(|known| known == name)).collect();
        assert!(unknown.is_empty(), "docs/{language}/configure.md has rows for settings that are none: {unknown:?}");
    }
}

#[test]
fn every_command_is_mentioned() {
    let home = tempfile::tempdir().unwrap();
    let help = run(home.path(), &["help"]).stdout;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<String> = list.lines().filter_map(command).collect();
    assert!(names.contains(&"user unlock".to_owned()), "{names:?}");
    for language in LANGUAGES {
        let text: String = pages(language).into_iter().map(|page| page.text).collect();
        let missing: Vec<&String> = names.iter().filter(|name| !text.contains(&format!("portagent {name}"))).collect();
        assert!(missing.is_empty(), "docs/{language} does not mention {missing:?}");
    }
}

/// `user add` of `  user add NAME                       create an account`; none for the rest of a broken row.
fn command(line: &str) -> Option<String> {
    let signature = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split("  ").next()?;
    let words = signature.split(' ').take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// The messages of the troubleshooting page, with `…` for what varies.
#[test]
fn quoted_messages_are_those_of_the_program() {
    let mut source = String::new();
    read_source(&root().join("src"), &mut source);
    let source = joined(&source);
    for language in LANGUAGES {
        let page = Page::read(&root().join("docs").join(language).join("troubleshoot.md"));
        for said in quoted(&page) {
            for piece in
                said.split('…').map(|piece| piece.trim_matches([' ', ':', ','])).filter(|piece| piece.len() > 3)
            {
                assert!(source.contains(piece), "{}: the program never says `{piece}`", page.path.display());
            }
        }
    }
}

/// What stands behind `error:` and `hint:`, and the messages in the first column of the tables.
fn quoted(page: &Page) -> Vec<&str> {
    let lines = page.blocks.iter().filter(|block| block.info == "text").flat_map(|block| block.text.lines());
    let printed = lines.filter_map(|line| line.strip_prefix("error: ").or_else(|| line.strip_prefix("hint:  ")));
    let rows = page.text.lines().filter_map(|line| line.strip_prefix("| `")?.split("` |").next());
    printed.chain(rows).collect()
}

/// The source as it is printed: a string that goes on in the next line is one.
fn joined(source: &str) -> String {
    let mut pieces = source.split("\\\n");
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        text.push_str(piece.trim_start());
    }
    text.replace("\\\"", "\"").replace("{{", "{").replace("}}", "}")
}

fn read_source(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            read_source(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&entry).unwrap());
        }
    }
}
