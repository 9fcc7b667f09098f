//! Rooms depend on each other one way only. This reads every path that the source names and fails on one that is not
//! in a table below, so that an arrow is drawn here on purpose or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may name.
type Arrows = &'static [(&'static str, &'static [&'static str])];

/// From the top to the bottom: a room names only rooms below it. Every room may name `domain` and `telemetry`.
const ARROWS: Arrows = &[
    ("main", &["cli"]),
    ("cli", &["app", "config", "service"]),
    ("app", &["config", "http", "llm", "mcp", "net", "ops", "service", "store", "ws"]),
    ("config", &[]),
    ("http", &["service"]),
    ("ws", &["service", "hub"]),
    ("ops", &["net", "service", "store", "workdirs"]),
    ("service", &["store", "llm", "tools", "mcp", "hub", "render", "workdirs", "zip"]),
    ("store", &["workdirs"]),
    ("tools", &["mcp", "net", "workdirs"]),
    ("mcp", &["net", "workdirs"]),
    ("workdirs", &[]),
    ("zip", &[]),
    ("llm", &["net"]),
    ("net", &[]),
    ("hub", &[]),
    ("render", &[]),
    ("domain", &[]),
    ("telemetry", &[]),
];

/// Rooms with rooms inside, likewise. The files beside them (`mod.rs`) stand above: they may name every room inside, and
/// no room inside may name them, so that there is no circle between files of different rooms.
const INSIDE: &[(&str, Arrows)] = &[(
    "store",
    &[
        ("care", &["migrations", "tables", "engine", "sqlite"]),
        ("salvage", &["migrations", "tables", "engine", "sqlite"]),
        ("search", &["tables", "engine", "sqlite"]),
        ("migrations", &["v19", "engine", "sqlite"]),
        ("v19", &["tables", "sqlite"]),
        ("tables", &["engine", "sqlite"]),
        ("engine", &["files", "sqlite"]),
        ("files", &["sqlite"]),
        ("sqlite", &[]),
    ],
)];

/// A library, and the only rooms that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("tungstenite", &["ws"]),
    ("ureq", &["llm", "mcp", "net", "ops", "tools"]),
    ("rustls", &["net"]),
    ("webpki_roots", &["net"]),
    ("httparse", &["http"]),
    ("pulldown_cmark", &["render"]),
    ("argon2", &["service"]),
    ("bcrypt", &["service"]),
    ("totp_rs", &["service"]),
    ("fast_qr", &["service"]),
    ("lexopt", &["cli"]),
    ("simplelog", &["telemetry"]),
    ("signal_hook", &["app", "mcp"]),
    ("tar", &["ops"]),
    ("flate2", &["ops", "zip"]),
    ("age", &["ops"]),
    ("unicode_normalization", &["domain", "store"]),
];

#[test]
fn tables_point_downwards() {
    for arrows in [ARROWS].into_iter().chain(INSIDE.iter().map(|(_, arrows)| *arrows)) {
        for (at, (room, below)) in arrows.iter().enumerate() {
            for name in *below {
                let is_below = arrows[at + 1..].iter().any(|(other, _)| other == name);
                assert!(is_below, "{room} names {name}, which is not below it in the table");
            }
        }
    }
}

#[test]
fn arrows_go_one_way() {
    let mut unwanted = BTreeSet::new();
    for (file, line) in lines() {
        let room = &module_of(&file)[0];
        for path in paths(&line, &file) {
            let name = &path[0];
            let is_open_to_all = name == room || name == "domain" || name == "telemetry";
            if is_room(ARROWS, name) && !is_open_to_all && !may_name(ARROWS, room, name) {
                unwanted.insert(format!("{room} → {name} in {}", file.display()));
            }
        }
    }
    assert!(unwanted.is_empty(), "arrows that are not wanted: {unwanted:#?}");
}

#[test]
fn arrows_inside_a_room_go_one_way() {
    let mut unwanted = BTreeSet::new();
    for (file, line) in lines() {
        let module = module_of(&file);
        let Some((outer, arrows)) = INSIDE.iter().find(|(outer, _)| *outer == module[0]) else { continue };
        let Some(room) = module.get(1) else { continue };
        for path in paths(&line, &file).into_iter().filter(|path| path[0] == *outer) {
            let name = path.get(1).map_or("", String::as_str);
            if name != room && !may_name(arrows, room, name) {
                unwanted.insert(format!("{outer}: {room} → {name} in {}", file.display()));
            }
        }
    }
    assert!(unwanted.is_empty(), "arrows that are not wanted: {unwanted:#?}");
}

/// At every depth: what a file or a room names beside it leads no way back, through whatever is in between.
#[test]
fn files_name_each_other_one_way() {
    let modules: BTreeSet<Vec<String>> = sources().iter().map(|file| module_of(file)).collect();
    let mut named: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for (file, line) in lines() {
        let module = module_of(&file);
        for path in paths(&line, &file) {
            let depth = module.iter().zip(&path).take_while(|(one, other)| one == other).count();
            if depth < module.len() && depth < path.len() && modules.contains(&path[..=depth]) {
                named.entry(module[..=depth].to_vec()).or_default().insert(path[depth].clone());
            }
        }
    }
    for room in named.keys() {
        let (mut reached, mut open) = (BTreeSet::new(), vec![room.clone()]);
        while let Some(from) = open.pop() {
            let beside = &from[..from.len() - 1];
            let next = named.get(&from).into_iter().flatten().map(|name| [beside, std::slice::from_ref(name)].concat());
            open.extend(next.filter(|one| reached.insert(one.clone())));
        }
        assert!(!reached.contains(room), "a circle goes through {}", room.join("/"));
    }
}

fn may_name(arrows: Arrows, room: &str, name: &str) -> bool {
    arrows.iter().any(|(from, to)| *from == room && to.contains(&name))
}

fn is_room(arrows: Arrows, name: &str) -> bool {
    arrows.iter().any(|(room, _)| *room == name)
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut unwanted = BTreeSet::new();
    for (file, line) in lines() {
        let room = &module_of(&file)[0];
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
        let module = module_of(&file);
        let is_listed = module[0] == "lib" || is_room(ARROWS, &module[0]);
        assert!(is_listed, "{} is not in the table", module[0]);
        if let Some((outer, arrows)) = INSIDE.iter().find(|(outer, _)| *outer == module[0])
            && let Some(room) = module.get(1).filter(|room| *room != "tests")
        {
            assert!(is_room(arrows, room), "{outer}/{room} is not in the table");
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

/// The paths that a line names, from the crate's root: `super::` is resolved, and a list in braces is taken apart.
fn paths(line: &str, file: &Path) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for prefix in ["crate::", "portagent::"] {
        for (at, _) in line.match_indices(prefix).filter(|(at, _)| !line[..*at].ends_with("pub(in ")) {
            found.extend(spelled(&line[at + prefix.len()..]));
        }
    }
    for (at, _) in line.match_indices("super::").filter(|(at, _)| !line[..*at].ends_with("super::")) {
        let (mut rest, mut base) = (&line[at..], module_of(file));
        while let Some(next) = rest.strip_prefix("super::") {
            (rest, _) = (next, base.pop());
        }
        found.extend(spelled(rest).into_iter().map(|tail| [base.clone(), tail].concat()));
    }
    found
}

/// `a::b::C` → `[a, b]`-like names; `a::{b, c::d}` → one for each.
fn spelled(text: &str) -> Vec<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or(list);
            return list.split(',').map(|item| [names.clone(), vec![first_word(item)]].concat()).collect();
        }
        let name = first_word(rest);
        rest = &rest[name.len().min(rest.len())..];
        names.push(name);
        match rest.strip_prefix("::") {
            Some(next) => rest = next,
            None => return vec![names],
        }
    }
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Every line that is no comment, up to the tests of a file.
fn lines() -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).expect("reads");
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        if file.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            lines.push((file.clone(), line.to_owned()));
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

/// `src/store/engine/mod.rs` → `[store, engine]`, `src/main.rs` → `[main]`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("in src");
    let names = inside.components().map(|part| part.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned());
    names.filter(|name| name != "mod").collect()
}

#[test]
fn paths_are_resolved() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let check = |file: &str, line: &str, expected: &[&str]| {
        let found: Vec<String> = paths(line, &src.join(file)).iter().map(|path| path.join("::")).collect();
        assert_eq!(found, expected, "{file}: {line}");
    };
    check("store/engine/writer.rs", "use crate::store::{files, sqlite::open};", &["store::files", "store::sqlite"]);
    check("store/engine/writer.rs", "use super::trouble::Trouble;", &["store::engine::trouble::Trouble"]);
    check("store/engine/writer.rs", "super::super::care::check(x)", &["store::care::check"]);
    check("store/engine/mod.rs", "use super::care;", &["store::care"]);
    check("store/mod.rs", "use super::http;", &["http"]);
}
