//! Which tables a damaged file has, and where their trees begin: from its own list, as far as that can be read, and from
//! what we know of our files.

use std::collections::BTreeMap;

use super::read::{Reader, Row};
use super::record::Value;
use super::shape::{self, Shape};
use crate::domain::{Error, Result};
use crate::store::migrations::Which;

/// Rows that are looked at where the file does not say what it is.
const SAMPLE_ROWS: u64 = 100_000;

/// A table with its tree.
pub(super) struct Table {
    pub shape: Shape,
    pub root: u32,
    /// As it was made, where it is none of ours.
    pub sql: Option<String>,
    /// SQLite's own: read so that its pages are known, and left out.
    pub is_internal: bool,
}

pub(super) struct Schema {
    pub which: Which,
    /// A file of Portagent 1.9.
    pub is_legacy: bool,
    /// Whether the file's own list names all tables that it must have.
    pub is_readable: bool,
    pub tables: Vec<Table>,
    /// What rows off the trees may be.
    pub shapes: Vec<Shape>,
}

/// A row of `sqlite_schema` (format description, section 2.6).
struct Entry {
    kind: String,
    name: String,
    root: u32,
    sql: String,
}

/// Errors: `Invalid` when nothing says that it is a database of ours.
pub(super) fn read(reader: &mut Reader<'_>, which: Option<Which>) -> Result<Schema> {
    let mut entries = Vec::new();
    reader.walk(1, &mut |row| {
        entries.extend(entry(&row));
        Ok(())
    })?;
    let is_listed = is_complete(&entries);
    let mut tally = Tally::new()?;
    if !is_listed {
        // A look at everything, with a reader of its own: the pages are to be read again.
        let mut scout = Reader::new(reader.pages);
        scout.strays(&mut |row| {
            tally.count(&row);
            entries.extend(entry(&row));
            Ok(())
        })?;
    }
    let (which, is_legacy) = decide(&entries, which, &tally)?;
    let shapes = if is_legacy { shape::legacy(which)? } else { shape::ours(which)? };
    let tables = tables(&entries, &shapes);
    Ok(Schema { which, is_legacy, is_readable: is_listed, tables, shapes })
}

/// What a file of ours has at least, of either kind and either program.
const ESSENTIAL: [&[&str]; 4] = [
    &["containers", "images", "sessions", "turns", "messages"],
    &["users", "logins", "invites"],
    &["kv_storage"],
    &["users"],
];

fn is_complete(entries: &[Entry]) -> bool {
    let has = |name: &&str| entries.iter().any(|entry| entry.kind == "table" && entry.name == *name);
    let is_ours = entries.iter().any(|entry| entry.sql.contains("usernameKey"));
    let candidates = if is_ours { &ESSENTIAL[..2] } else { &ESSENTIAL[..] };
    candidates.iter().any(|names| names.iter().all(has))
}

/// Whether a row off the trees is one of the list itself.
pub(super) fn is_entry(values: &[Value]) -> bool {
    matches!(values, [Value::Text(kind), Value::Text(_), Value::Text(_), Value::Int(_), Value::Text(_) | Value::Null]
        if matches!(kind.as_str(), "table" | "index" | "trigger" | "view"))
}

fn entry(row: &Row) -> Option<Entry> {
    let [Value::Text(kind), Value::Text(name), _, Value::Int(root), sql] = &row.values[..] else { return None };
    if !is_entry(&row.values) {
        return None;
    }
    let sql = if let Value::Text(sql) = sql { sql.clone() } else { String::new() };
    Some(Entry { kind: kind.clone(), name: name.clone(), root: u32::try_from(*root).unwrap_or(0), sql })
}

fn decide(entries: &[Entry], which: Option<Which>, tally: &Tally) -> Result<(Which, bool)> {
    let named = |name: &str| entries.iter().find(|entry| entry.kind == "table" && entry.name == name);
    let is_agent = ["messages", "images", "kv_storage"].iter().any(|name| named(name).is_some());
    let listed = match which {
        Some(which) => Some(which),
        None if is_agent => Some(Which::Agentx),
        None => named("users").map(|_| Which::Portagent),
    };
    match listed {
        Some(Which::Agentx) if is_agent => return Ok((Which::Agentx, named("messages").or(named("images")).is_none())),
        Some(Which::Portagent) if let Some(users) = named("users") => {
            return Ok((Which::Portagent, !users.sql.contains("usernameKey")));
        }
        _ => {}
    }
    match (tally.most(listed), listed) {
        (Some(found), _) => Ok(found),
        // Nothing is left, but it is known what it was.
        (None, Some(which)) => Ok((which, false)),
        (None, None) => Err(Error::invalid("not_ours", "nothing in this file looks like a database of Portagent")
            .hint("call it agentx.db or portagent.db if you know that it was one")),
    }
}

fn tables(entries: &[Entry], shapes: &[Shape]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == "table" && entry.root > 1) {
        let known = shapes.iter().find(|shape| shape.table == entry.name);
        let own = shape::of_definition(&entry.sql).filter(|shape| shape.table == entry.name);
        let is_internal = entry.name.starts_with("sqlite_");
        let shape = match (own, known) {
            (Some(own), _) => own,
            (None, Some(known)) => known.clone(),
            (None, None) if is_internal => Shape { table: entry.name.clone(), columns: Vec::new() },
            _ => continue,
        };
        if tables.iter().any(|table| table.shape.table == entry.name || table.root == entry.root) {
            continue;
        }
        let sql = (known.is_none() && !is_internal).then(|| entry.sql.clone());
        tables.push(Table { shape, root: entry.root, sql, is_internal });
    }
    // What others refer to comes first.
    tables.sort_by_key(|table| table.is_internal);
    tables
}

/// How many rows look like those of each kind of file.
struct Tally {
    candidates: Vec<((Which, bool), Vec<Shape>)>,
    found: BTreeMap<usize, u64>,
    rows: u64,
}

impl Tally {
    fn new() -> Result<Self> {
        let mut candidates = Vec::new();
        for which in Which::BOTH {
            candidates.push(((which, false), shape::ours(which)?));
            candidates.push(((which, true), shape::legacy(which)?));
        }
        Ok(Self { candidates, found: BTreeMap::new(), rows: 0 })
    }

    fn count(&mut self, row: &Row) {
        self.rows += 1;
        if self.rows > SAMPLE_ROWS {
            return;
        }
        for (at, (_, shapes)) in self.candidates.iter().enumerate() {
            if shapes.iter().any(|shape| shape.fits(&row.values)) {
                *self.found.entry(at).or_default() += 1;
            }
        }
    }

    fn most(&self, which: Option<Which>) -> Option<(Which, bool)> {
        let meant = self.found.iter().filter(|(at, _)| which.is_none_or(|which| self.candidates[**at].0.0 == which));
        // Of two that found as much, the first: ours.
        meant.rev().max_by_key(|(_, count)| **count).map(|(at, _)| self.candidates[*at].0)
    }
}
