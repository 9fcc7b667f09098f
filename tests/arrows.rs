//! The rooms may lean on each other one way only. This reads every path that the source names and fails on one that
//! is not in the table, so that an arrow is drawn here on purpose or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may name. Everybody may name `domain` and `telemetry`.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["app", "config", "service"]),
    ("app", &["config", "http", "llm", "ops", "service", "store", "ws"]),
    ("config", &[]),
    ("http", &["service"]),
    ("ws", &["service", "hub"]),
    ("ops", &["service", "store"]),
    ("service", &["store", "llm", "hub", "render"]),
    ("store", &[]),
    ("llm", &[]),
    ("hub", &[]),
    ("render", &[]),
    ("domain", &[]),
    ("telemetry", &[]),
];

/// A library, and the only rooms that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("tungstenite", &["ws"]),
    ("ureq", &["llm", "ops"]),
    ("tiny_http", &["llm"]),
    ("httparse", &["http"]),
    ("pulldown_cmark", &["render"]),
    ("argon2", &["service"]),
    ("bcrypt", &["service"]),
    ("lexopt", &["cli"]),
    ("simplelog", &["telemetry"]),
    ("signal_hook", &["app"]),
    ("tar", &["ops"]),
    ("flate2", &["ops"]),
    ("age", &["ops"]),
];

#[test]
fn arrows_go_one_way() {
    let mut unwanted = BTreeSet::new();
    for (room, file, line) in lines() {
        for name in named_after(&line, &["crate::", "portagent::"]) {
            let allowed = ARROWS.iter().find(|(from, _)| *from == room).map_or(&[][..], |(_, to)| to);
            let is_room = ARROWS.iter().any(|(other, _)| *other == name);
            let open_to_all = name == room || name == "domain" || name == "telemetry";
            if is_room && !open_to_all && !allowed.contains(&name.as_str()) {
                unwanted.insert(format!("{room} → {name} in {}", file.display()));
            }
        }
    }
    assert!(unwanted.is_empty(), "arrows that are not wanted: {unwanted:#?}");
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut unwanted = BTreeSet::new();
    for (room, file, line) in lines() {
        for (library, rooms) in LIBRARIES {
            if names(&line, library) && !rooms.contains(&room.as_str()) {
                unwanted.insert(format!("{library} in {}", file.display()));
            }
        }
    }
    assert!(unwanted.is_empty(), "libraries outside their rooms: {unwanted:#?}");
}

#[test]
fn every_room_is_in_the_table_and_has_an_opening_comment() {
    for file in sources() {
        let room = room_of(&file);
        if room != "lib" {
            assert!(ARROWS.iter().any(|(name, _)| *name == room), "{room} is not in the table");
        }
        let text = fs::read_to_string(&file).expect("reads");
        assert!(text.starts_with("//!"), "{} does not say why it exists", file.display());
    }
}

/// Whether the line names the library: `tar::`, which is not in `start::`.
fn names(line: &str, library: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(&format!("{library}::")).any(|(at, _)| !line[..at].ends_with(is_word))
}

/// What stands behind one of `prefixes`: one name, or those of a list in braces.
fn named_after(line: &str, prefixes: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for prefix in prefixes {
        for (position, _) in line.match_indices(prefix) {
            let rest = &line[position + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => names.extend(list.split('}').next().unwrap_or(list).split(',').map(first_word)),
                None => names.push(first_word(rest)),
            }
        }
    }
    names
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Every line that is no comment, up to the tests of a file, with its room.
fn lines() -> Vec<(String, PathBuf, String)> {
    let mut lines = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).expect("reads");
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        if file.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            lines.push((room_of(&file), file.clone(), line.to_owned()));
        }
    }
    assert!(lines.len() > 1000, "the sources were not found");
    lines
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("lists") {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("in src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}
