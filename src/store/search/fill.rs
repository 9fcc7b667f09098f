//! Fills the index: first what was changed just now, then step by step everything, compared with what is indexed. That
//! also finds what the `sqlite3` program, a restore or a crash has changed, and what was deleted. It begins at the start,
//! when another program has written, soon after a deletion, and every hour.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::words::each_word;
use super::{SearchIndex, open_or_make, owner_word, remove, table_of};
use crate::domain::Result;
use crate::store::sqlite::rows;
use crate::store::tables::searchable::Searchable;

/// What one transaction takes.
const MESSAGES_PER_STEP: usize = 200;
const DOCS_PER_STEP: usize = 1000;
/// How often everything is compared.
const COMPARED_EVERY: Duration = Duration::from_secs(3600);
/// The same after a deletion: soon, and once for many.
const COMPARED_AFTER_DELETION: Duration = Duration::from_secs(60);
/// Of one message, in bytes of its words.
const INDEXED_BYTES: usize = 1024 * 1024;

/// How far the index is.
#[derive(Default)]
pub struct Filling {
    conn: Option<Connection>,
    pass: Option<Pass>,
    next_pass: Option<Instant>,
    /// Changes when another program has changed the conversations.
    others: Option<i64>,
}

/// A comparison of everything, and where it is.
#[derive(Clone, Copy)]
enum Pass {
    /// Messages after this `rowid` may have to be added.
    Adding(i64),
    /// Documents after this number may have to go.
    Removing(i64),
}

impl SearchIndex {
    /// Does what there is to do at the moment, as long as `go_on` says so between two steps.
    ///
    /// Errors: what the databases say; it can be tried again.
    pub fn catch_up(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        let outcome = self.steps(go_on);
        if outcome.as_ref().is_err_and(|error| error.code.as_str() == "database_damaged") {
            log::warn!(target: "store", "search.db is damaged, and is made anew");
            *self.asking() = None;
            *self.filling() = Filling::default();
            self.is_complete.store(false, Ordering::Relaxed);
            return remove(&self.path);
        }
        outcome
    }

    fn steps(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        self.take_changes()?;
        while self.step()? && go_on() {
            self.take_changes()?;
        }
        Ok(())
    }

    fn take_changes(&self) -> Result<()> {
        let changed = self.store.changed_messages();
        let mut filling = self.filling();
        if filling.conn.is_some() && !self.path.exists() {
            self.open(&mut filling)?;
        }
        // The sqlite3 program, a command: what they changed is not known.
        let others = self.store.version_of_others()?;
        if changed.is_incomplete || filling.others.replace(others) != Some(others) {
            filling.pass = Some(Pass::Adding(0));
        }
        if changed.any_deleted {
            let soon = Instant::now() + COMPARED_AFTER_DELETION;
            filling.next_pass = Some(filling.next_pass.map_or(soon, |due| due.min(soon)));
        }
        let comes_later = |row: &i64| matches!(filling.pass, Some(Pass::Adding(after)) if *row > after);
        let mut rows: Vec<i64> = changed.rows.into_iter().filter(|row| !comes_later(row)).collect();
        rows.sort_unstable();
        for rows in rows.chunks(MESSAGES_PER_STEP) {
            let messages = self.store.searchable_rows(rows)?;
            add(self.open(&mut filling)?, &messages)?;
        }
        Ok(())
    }

    /// The connection that fills. Where the file was deleted under us, it is made anew, for those who search, too.
    fn open<'a>(&self, filling: &'a mut Filling) -> Result<&'a mut Connection> {
        if filling.conn.is_some() && !self.path.exists() {
            filling.conn = None;
        }
        match &mut filling.conn {
            Some(conn) => Ok(conn),
            none => {
                let conn = open_or_make(&self.path)?;
                *self.asking() = None;
                self.is_complete.store(false, Ordering::Relaxed);
                filling.pass = Some(Pass::Adding(0));
                Ok(none.insert(conn))
            }
        }
    }

    /// One step of a comparison. Returns whether there is another.
    fn step(&self) -> Result<bool> {
        let mut filling = self.filling();
        let due = filling.next_pass.is_none_or(|due| due <= Instant::now());
        if filling.pass.is_none() && !due {
            return Ok(false);
        }
        self.open(&mut filling)?; // which begins anew where the file is gone, so it comes first
        let Filling { conn: Some(conn), pass, next_pass, .. } = &mut *filling else { return Ok(false) };
        let next = match pass.unwrap_or(Pass::Adding(0)) {
            Pass::Adding(after) => {
                if after == 0 {
                    *next_pass = Some(Instant::now() + COMPARED_EVERY);
                }
                let (messages, last) = self.store.searchable_after(after, MESSAGES_PER_STEP)?;
                add(conn, &messages)?;
                Some(last.map_or(Pass::Removing(0), Pass::Adding))
            }
            Pass::Removing(after) => {
                let docs = docs_after(conn, after)?;
                let kept = self.store.searchable_ids(docs.iter().map(|(_, id)| id.as_str()))?;
                forget(conn, docs.iter().filter(|(_, id)| !kept.contains(id.as_str())).map(|(doc, _)| *doc))?;
                docs.last().map(|(doc, _)| Pass::Removing(*doc))
            }
        };
        *pass = next;
        if next.is_none() {
            self.is_complete.store(true, Ordering::Relaxed);
        }
        Ok(next.is_some())
    }
}

fn docs_after(conn: &Connection, after: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT doc, messageId FROM docs WHERE doc > ?1 ORDER BY doc LIMIT ?2";
    rows::all(conn, sql, params![after, DOCS_PER_STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Adds what is new or was changed, in one transaction.
fn add(conn: &mut Connection, messages: &[Searchable]) -> Result<()> {
    let transaction = conn.transaction()?;
    for message in messages {
        add_one(&transaction, message)?;
    }
    Ok(transaction.commit()?)
}

fn add_one(conn: &Connection, message: &Searchable) -> Result<()> {
    let digest = digest(&[&message.container_id, &message.text]);
    let sql = "SELECT doc, digest FROM docs WHERE messageId = ?1";
    let known = rows::first(conn, sql, [&message.id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let doc = match known {
        Some((_, before)) if before == digest => return Ok(()),
        None if message.text.is_empty() => return Ok(()),
        Some((doc, _)) => {
            rows::change(conn, &format!("DELETE FROM text_{} WHERE rowid = ?1", table_of(doc)), [doc])?;
            rows::change(conn, "UPDATE docs SET digest = ?2 WHERE doc = ?1", [doc, digest])?;
            doc
        }
        None => {
            rows::change(conn, "INSERT INTO docs (messageId, digest) VALUES (?1, ?2)", params![message.id, digest])?;
            conn.last_insert_rowid()
        }
    };
    let owner = owner(conn, &message.container_id)?;
    let table = table_of(doc);
    // The text itself is not kept: snippets come from the message. Our words are made already, and split at spaces only.
    conn.execute_batch(&format!(
        "CREATE VIRTUAL TABLE IF NOT EXISTS text_{table} \
         USING fts5(words, content='', contentless_delete=1, tokenize='ascii')"
    ))?;
    let sql = format!("INSERT INTO text_{table} (rowid, words) VALUES (?1, ?2)");
    rows::change(conn, &sql, params![doc, indexed(&owner_word(owner), &message.text)])?;
    Ok(())
}

fn indexed(owner: &str, text: &str) -> String {
    let mut indexed = owner.to_owned();
    each_word(text, |word, _| {
        if indexed.len() < INDEXED_BYTES {
            indexed.push(' ');
            indexed.push_str(word);
        }
    });
    indexed
}

fn owner(conn: &Connection, container: &str) -> Result<i64> {
    rows::change(conn, "INSERT OR IGNORE INTO owners (containerId) VALUES (?1)", [container])?;
    rows::value(conn, "SELECT owner FROM owners WHERE containerId = ?1", [container])
}

/// Removes what is no longer stored; the words themselves go when their table is written anew.
fn forget(conn: &mut Connection, docs: impl Iterator<Item = i64>) -> Result<()> {
    let transaction = conn.transaction()?;
    let mut tables = HashSet::new();
    for doc in docs {
        let table = table_of(doc);
        rows::change(&transaction, &format!("DELETE FROM text_{table} WHERE rowid = ?1"), [doc])?;
        rows::change(&transaction, "DELETE FROM docs WHERE doc = ?1", [doc])?;
        tables.insert(table);
    }
    for table in tables {
        rows::change(&transaction, &format!("INSERT INTO text_{table} (text_{table}) VALUES ('optimize')"), [])?;
    }
    Ok(transaction.commit()?)
}

/// FNV-1a: tells texts apart, and stays the same in every version of this program.
fn digest(texts: &[&str]) -> i64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xFF]));
    bytes
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
        .cast_signed()
}
