//! Makes a new database out of a damaged one, without asking SQLite to open the damaged one.
//!
//! We read the file ourselves, after the description of its format at <https://www.sqlite.org/fileformat2.html>: first
//! the tables along their trees, as far as the list of tables and the inner pages can be read; then every page that no
//! tree led to, where rows are recognised by the number and the types of their columns. Everything is bounded: pages
//! are visited once, a bit for each says so, and rows go straight into the new file.

mod bits;
mod build;
mod mend;
mod page;
mod pages;
mod read;
mod record;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod wal;

use std::path::Path;

use self::build::Builder;
use self::pages::Pages;
use self::read::Reader;
use crate::domain::{Error, Result};
use crate::store::migrations::Which;
use crate::store::sqlite::header::beside;
use crate::store::sqlite::{open, rows, verdict};

/// What became of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    pub name: String,
    /// Rows in the new file.
    pub rows: u64,
    /// Of these, found on pages that no tree led to.
    pub strays: u64,
    /// Found a second time, and kept once.
    pub duplicates: u64,
}

/// What was found and saved.
#[derive(Debug, Clone)]
pub struct Report {
    pub which: Which,
    pub tables: Vec<TableReport>,
    /// Rows that belong nowhere any more: kept in `lost_and_found` of the new file.
    pub lost: u64,
    /// Rows on free pages, deleted before the damage: left out.
    pub old: u64,
    pub broken_pages: u64,
    pub broken_rows: u64,
    /// What was made anew so that all refers to something, in sentences.
    pub mended: Vec<String>,
    /// What is wrong with the original, in a sentence; `None`: nothing.
    pub damage: Option<String>,
}

/// Copies `original` and the `-wal` beside it into `workshop`, a private directory, reads the copy, and writes what can
/// be saved to `target`, which is made. `which` says what it is where that is known. The original is only ever read.
///
/// Errors: `Invalid` when nothing in it looks like a database of ours; `Unavailable` when a file cannot be used.
pub fn recover(original: &Path, which: Option<Which>, workshop: &Path, target: &Path) -> Result<Report> {
    let copy = &workshop.join("damaged.db");
    copy_with_wal(original, copy).map_err(|cause| unreadable(original, &cause))?;
    let pages = Pages::open(copy).map_err(|cause| unreadable(original, &cause))?;
    let mut reader = Reader::new(&pages);
    let schema = schema::read(&mut reader, which)?;
    let mut builder = Builder::create(target, &schema)?;
    for table in &schema.tables {
        reader.walk(table.root, &mut |row| builder.in_tree(table, row))?;
    }
    reader.strays(&mut |row| builder.stray(row))?;
    let old = reader.old()?;
    let mended = mend::mend(builder.connection(), &schema)?;
    let (tables, lost) = builder.finish()?;
    let strays: u64 = tables.iter().map(|table| table.strays).sum();
    let (broken_pages, broken_rows) = (reader.broken_pages, reader.broken_rows);
    let damage =
        damage(&pages, schema.is_readable, broken_pages, broken_rows, strays + lost).or_else(|| complaint(copy));
    Ok(Report { which: schema.which, tables, lost, old, broken_pages, broken_rows, mended, damage })
}

fn copy_with_wal(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    match std::fs::copy(beside(from, "-wal"), beside(to, "-wal")) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// What our own reading says.
fn damage(pages: &Pages, is_readable: bool, broken_pages: u64, broken_rows: u64, strays: u64) -> Option<String> {
    let mut found = Vec::new();
    if !pages.header_is_good {
        found.push("its first page is damaged".to_owned());
    } else if !is_readable {
        found.push("its list of tables is damaged".to_owned());
    }
    for (count, what) in
        [(broken_pages, "pages cannot be read"), (broken_rows, "rows cannot be read"), (strays, "rows were cut off")]
    {
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

/// What SQLite says, which also looks at indexes. The copy is as it was afterwards, so that it may be looked at again.
fn complaint(copy: &Path) -> Option<String> {
    let ask = || -> Result<String> { rows::value(&open::reader(copy)?, "PRAGMA integrity_check", []) };
    match ask() {
        Ok(text) if text == "ok" => None,
        Ok(text) => Some(verdict::readable(&text)),
        Err(error) => Some(error.with_cause()),
    }
}

fn unreadable(file: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable("unreadable", format!("cannot read {}: {cause}", file.display()))
}
